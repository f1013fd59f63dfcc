"""Whatever comes in, somebody is told: hostile labels, providers, clocks and neighbours, from the alert in to the message out."""
