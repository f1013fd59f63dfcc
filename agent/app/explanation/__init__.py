"""Why was I (not) told? What the rules, the routing and the journal say of one alert, or of one person, as one account.

`evidence` is what is known, of a running agent or of its folder; `finding` says which alert is meant; `facts` gathers what
concerns it; `causes`, `chain` and `coming` say it in words. Nothing here changes anything.
"""
