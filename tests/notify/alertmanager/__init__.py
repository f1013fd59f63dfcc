"""What Alertmanager's own tests assert, asserted of ours in our words; where the default mends a trap, what it does instead.

| of its tests | what is asserted                                    | here, or in                                              |
|--------------|-----------------------------------------------------|----------------------------------------------------------|
| 1-9          | what hooks are told, and when                       | test_stories                                             |
| 10-13        | what inhibition and silences hold back and let go   | test_muted_stories                                       |
| 14           | labels, matchers and routes beyond ASCII            | test_beyond_ascii                                        |
| 15, 27       | status, flags, filters and silences over HTTP       | test_filters, tests/app/test_alertmanager_api, and both  |
|              |                                                     | servers side by side: tests/peers                        |
| 16           | when a group is told again: the truth table         | tests/notify/test_dedup                                  |
| 17, 18       | which routes, what they inherit, groups, keys       | test_routes, tests/notify/test_routing                   |
| 19           | a group's first flush, its beat, its end            | test_stories, tests/notify/test_groups                   |
| 20-22        | matchers in both grammars, and which of them wins   | test_matchers                                            |
| 23           | inhibition: equal labels, rules with two sides      | tests/notify/test_muting, test_muted_stories             |
| 24           | time intervals: zones, days from the end, errors    | test_intervals, tests/notify/test_intervals, test_files  |
| 25           | routes that are mute or active at times             | test_muted_stories                                       |
| 26           | silences: states, changed or replaced, expired      | tests/notify/test_silences, test_filters                 |
| 28           | files that are accepted and refused                 | test_files                                               |
| 29           | merging alerts                                      | test_merging                                             |
|              | what is cut, tried again, threaded                  | tests/notify/messages, tests/notify/receivers            |
| 30           | the real amtool                                     | tests/peers/test_amtool                                  |

Its start delay (of 7) is missing on purpose: it waits for alerts that it has forgotten, and ours are in the journal.
"""
