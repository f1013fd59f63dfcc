"""The files that ship: rules, routes and the example configuration, held against what was asked for and the real peers."""
