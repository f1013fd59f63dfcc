"""The collectors' tests: the text format by tables, scraping real servers on loopback, the machine from made trees."""
