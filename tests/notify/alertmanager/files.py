"""Some two hundred small alertmanager.yml files, each with what is wrong with it, or nothing: data only.

The verdict is that of Alertmanager 0.34. What its older versions, or we, judge otherwise is named at the end, with the reason.
"""

from __future__ import annotations

from typing import Final

ONE: Final = "route: {receiver: a}\nreceivers: [{name: a}]\n"


def glob(keys: str) -> str:
    """Write a file whose `global:` has these keys."""
    return f"global: {{{keys}}}\n{ONE}"


def root(keys: str) -> str:
    """Write a file whose root route has these keys."""
    return f"route: {{receiver: a, {keys}}}\nreceivers: [{{name: a}}]\n"


def node(keys: str) -> str:
    """Write a file that has one route with these keys below the root."""
    return f"route: {{receiver: a, routes: [{{{keys}}}]}}\nreceivers: [{{name: a}}]\n"


def sends(kind: str, config: str, defaults: str = "") -> str:
    """Write a file with one integration, and what `global:` says."""
    first = f"global: {{{defaults}}}\n" if defaults else ""
    return f"{first}route: {{receiver: a}}\nreceivers: [{{name: a, {kind}_configs: [{config}]}}]\n"


def times(spec: str) -> str:
    """Write a file with one time interval."""
    return f"{ONE}time_intervals: [{{name: n, time_intervals: [{spec}]}}]\n"


def hook(config: str) -> str:
    """Write a file with a webhook that connects as this http_config says."""
    return sends("webhook", f"{{url: 'http://x', http_config: {{{config}}}}}")


FILE: Final = {
    "nothing": ("", "no route is given"),
    "blanks": (" \n", "no route is given"),
    "a comment": ("# later\n", "no route is given"),
    "a list": ("- a\n", "expected a mapping"),
    "a word": ("a\n", "expected a mapping"),
    "a tab": ("route:\n\treceiver: a\n", "not valid YAML"),
    "an open brace": ("route: {receiver: a\n", "not valid YAML"),
    "no route": ("receivers: [{name: a}]\n", "no route is given"),
    "a route that is null": ("route:\nreceivers: [{name: a}]\n", "no route is given"),
    "no receivers": ("route: {receiver: a}\n", 'undefined receiver "a"'),
    "sections that are null": (f"global:\ntemplates:\ninhibit_rules:\ntime_intervals:\n{ONE}", ""),
    "an empty global": (glob(""), ""),
    "an unknown section": (f"{ONE}routing: 1\n", 'unknown key "routing"'),
    "an unknown key of global": (glob("resolve_timeot: 1m"), 'did you mean "resolve_timeout"?'),
    "an unknown key of a route": (root("group_bye: [x]"), 'did you mean "group_by"?'),
    "an unknown key of a receiver": ("route: {receiver: a}\nreceivers: [{name: a, nam: b}]\n", 'unknown key "nam"'),
    "an unknown kind": (sends("pigeon", "{}"), 'unknown key "pigeon_configs"'),
    "an unknown key of an integration": (sends("webhook", "{url: 'http://x', ulr: y}"), 'unknown key "ulr"'),
    "an unknown key of an inhibit rule": (f"{ONE}inhibit_rules: [{{sources: 1}}]\n", 'unknown key "sources"'),
    "an unknown key of an interval": (times("{hours: 1}"), 'unknown key "hours"'),
    "a key twice": ("route: {receiver: a, receiver: a}\nreceivers: [{name: a}]\n", "twice"),
    "an anchor": ("route: &x {receiver: a}\nreceivers: [{name: a}]\n", ""),
    "a merge": ("receivers: [&x {name: a}, {<<: *x, name: b}]\nroute: {receiver: a}\n", ""),
    "a number for a name": ("route: {receiver: 1}\nreceivers: [{name: 1}]\n", ""),
    "a receiver twice": ("route: {receiver: a}\nreceivers: [{name: a}, {name: a}]\n", "defined twice"),
    "a receiver without a name": ("route: {receiver: a}\nreceivers: [{name: a}, {}]\n", "name"),
    "a receiver with an empty name": ("route: {receiver: a}\nreceivers: [{name: a}, {name: ''}]\n", "missing name"),
    "a receiver that is null": ("route: {receiver: a}\nreceivers: [{name: a}, null]\n", "expected a mapping"),
    "a receiver that nobody names": ("route: {receiver: a}\nreceivers: [{name: a}, {name: b}]\n", ""),
    "labels of a receiver": ("route: {receiver: a}\nreceivers: [{name: a, labels: {x: y}}]\n", ""),
    "templates that are one text": (f"{ONE}templates: 'x'\n", "expected a list"),
}
ROUTES: Final = {
    "no receiver at the root": ("route: {}\nreceivers: [{name: a}]\n", "root route must name a receiver"),
    "match at the root": (root("match: {a: b}"), "cannot have match"),
    "match_re at the root": (root("match_re: {a: b}"), "cannot have match_re"),
    "matchers at the root": (root("matchers: [a=b]"), "cannot have matchers"),
    "empty matchers at the root": (root("matchers: []"), ""),
    "matchers that ask nothing at the root": (root("matchers: ['{}']"), ""),
    "continue at the root": (root("continue: true"), "cannot have continue"),
    "no continue at the root": (root("continue: false"), ""),
    "mute at the root": (root("mute_time_intervals: [n]") + "time_intervals: [{name: n}]\n", "cannot have mute_time"),
    "active at the root": (root("active_time_intervals: [n]") + "time_intervals: [{name: n}]\n", "cannot have active"),
    "an unknown receiver": ("route: {receiver: tema}\nreceivers: [{name: team}]\n", 'did you mean "team"?'),
    "an unknown receiver deep down": (
        node("match: {a: b}, routes: [{match: {a: b}, receiver: gone}]"),
        'undefined receiver "gone"',
    ),
    "a route that is null below": (node("").replace("{}", "null"), "expected a mapping"),
    "labels of a route": (node("labels: {a: b}"), ""),
    "an unknown mute interval": (node("mute_time_intervals: [n]"), 'undefined time interval "n"'),
    "an unknown active interval": (node("active_time_intervals: [n]"), 'undefined time interval "n"'),
    "a label twice": (root("group_by: [a, b, a]"), "named twice"),
    "all labels": (root("group_by: ['...']"), ""),
    "all labels twice": (root("group_by: ['...', '...']"), ""),
    "all labels and one": (root("group_by: [a, '...']"), "wildcard"),
    "a label without a name": (root("group_by: ['']"), "empty label name"),
    "a label beyond ASCII": (root("group_by: ['foo🙂', '-x-']"), ""),
    "no wait": (root("group_wait: 0s"), ""),
    "no wait, in short": (root("group_wait: 0"), ""),
    "no group_interval": (root("group_interval: 0s"), "group_interval cannot be zero"),
    "no repeat_interval": (root("repeat_interval: 0s"), "repeat_interval cannot be zero"),
    "no repeat_interval below": (node("repeat_interval: 0s"), "repeat_interval cannot be zero"),
    "a number without a unit": (root("group_interval: 5"), "duration"),
    "a negative duration": (root("repeat_interval: -1s"), "duration"),
    "a fraction of an hour": (root("repeat_interval: 1.5h"), "duration"),
    "an hour and a half": (root("repeat_interval: 1h30m"), ""),
    "units out of order": (root("repeat_interval: 5m1h"), "duration"),
    "an empty duration": (root("repeat_interval: ''"), "duration"),
    "a bad resolve_timeout": (glob("resolve_timeout: soon"), "duration"),
    "a bad name in match": (node("match: {foo-bar: b}"), 'invalid label name "foo-bar"'),
    "a bad name in match_re": (node("match_re: {foo-bar: b}"), 'invalid label name "foo-bar"'),
    "null in match": (node("match: {foo: }"), ""),
    "null in match_re": (node("match_re: {foo: }"), "no regular expression"),
    "an empty match_re": (node("match_re: {foo: ''}"), ""),
    "a number in match": (node("match: {foo: 5}"), ""),
    "a truth in match": (node("match: {foo: true}"), ""),
    "a label twice in match": (node("match: {a: b, a: c}"), "twice"),
    "a bad regex in match_re": (node("match_re: {foo: '('}"), "invalid regular expression"),
    "a regex that looks ahead": (node("match_re: {foo: '(?=x)'}"), "invalid regular expression"),
    "a bad regex in matchers": (node("matchers: ['a=~(']"), "invalid regular expression"),
    "a bad matcher": (node("matchers: ['a']"), "cannot read the matcher"),
    "matchers that are no list": (node("matchers: 'a=b'"), "expected a list"),
    "an empty matcher": (node("matchers: ['']"), ""),
    "matchers in braces": (node("matchers: ['{a=b}']"), ""),
    "two matchers in one": (node("matchers: ['a=b,c=d']"), ""),
}
INHIBITION: Final = {
    "a rule that is null": (f"{ONE}inhibit_rules: [null]\n", ""),
    "an empty rule": (f"{ONE}inhibit_rules: [{{}}]\n", ""),
    "a rule with a name": (f"{ONE}inhibit_rules: [{{name: x}}]\n", ""),
    "a bad name of a source": (f"{ONE}inhibit_rules: [{{source_match: {{a-b: c}}}}]\n", "invalid label name"),
    "a bad name of a source's regex": (
        f"{ONE}inhibit_rules: [{{source_match_re: {{a-b: c}}}}]\n",
        "invalid label name",
    ),
    "a bad name of a target": (f"{ONE}inhibit_rules: [{{target_match: {{a-b: c}}}}]\n", "invalid label name"),
    "null for a source's regex": (f"{ONE}inhibit_rules: [{{source_match_re: {{a: }}}}]\n", "no regular expression"),
    "null for a target's regex": (f"{ONE}inhibit_rules: [{{target_match_re: {{a: }}}}]\n", "no regular expression"),
    "a bad matcher of a source": (f"{ONE}inhibit_rules: [{{source_matchers: ['a']}}]\n", "cannot read the matcher"),
    "equal labels that are no list": (f"{ONE}inhibit_rules: [{{equal: x}}]\n", "expected a list"),
    "an equal label without a name": (f"{ONE}inhibit_rules: [{{equal: ['']}}]\n", "empty label name"),
    "an equal label beyond ASCII": (f"{ONE}inhibit_rules: [{{equal: ['-x-']}}]\n", ""),
}
INTERVALS: Final = {
    "no name": (f"{ONE}time_intervals: [{{time_intervals: []}}]\n", "name"),
    "an empty name": (f"{ONE}time_intervals: [{{name: ''}}]\n", "missing name in time interval"),
    "an empty name of the old kind": (f"{ONE}mute_time_intervals: [{{name: ''}}]\n", "missing name in time interval"),
    "one name twice": (f"{ONE}time_intervals: [{{name: n}}, {{name: n}}]\n", "defined twice"),
    "one name twice of the old kind": (f"{ONE}mute_time_intervals: [{{name: n}}, {{name: n}}]\n", "defined twice"),
    "one name of either kind": (f"{ONE}mute_time_intervals: [{{name: n}}]\ntime_intervals: [{{name: n}}]\n", "twice"),
    "no list": (f"{ONE}time_intervals: [{{name: n}}]\n", ""),
    "an empty interval": (times("{}"), ""),
    "all that an interval has": (
        times(
            "{times: [{start_time: '08:00', end_time: '09:00'}], weekdays: ['monday:friday'], months: ['may:6'],"
            " days_of_month: ['-1'], years: ['2026:2028'], location: Asia/Kathmandu}"
        ),
        "",
    ),
    "backward weekdays": (times("{weekdays: ['friday:monday']}"), "ends before it begins"),
    "a weekday that is none": (times("{weekdays: [blursday]}"), 'not a weekday: "blursday"'),
    "a number of a weekday": (times("{weekdays: ['1']}"), "not a weekday"),
    "a shouted weekday": (times("{weekdays: ['Monday:FRIDAY']}"), ""),
    "three weekdays": (times("{weekdays: ['monday:tuesday:friday']}"), "not a weekday"),
    "a weekday after a blank": (times("{weekdays: [' monday']}"), "not a weekday"),
    "a month that is none": (times("{months: [brumaire]}"), "not a month"),
    "backward months": (times("{months: ['december:january']}"), "ends before it begins"),
    "a month's number": (times("{months: [3, 'january:4']}"), ""),
    "day 0": (times("{days_of_month: ['0']}"), "they count from 1 to 31"),
    "day 32": (times("{days_of_month: ['32']}"), "they count from 1 to 31"),
    "day -32": (times("{days_of_month: ['-32']}"), "they count from 1 to 31"),
    "a day's number": (times("{days_of_month: [5, '1:-1', '-31:-1']}"), ""),
    "a day that is a word": (times("{days_of_month: [first]}"), "invalid literal"),
    "backward days": (times("{days_of_month: ['10:5']}"), "ends before it begins"),
    "backward days from the end": (times("{days_of_month: ['-5:-10']}"), "ends before it begins"),
    "from the end to the start": (times("{days_of_month: ['-5:5']}"), "begins from the end"),
    "days that cross in February": (times("{days_of_month: ['25:-5']}"), "ends before it begins"),
    "days that meet in February": (times("{days_of_month: ['1:-27']}"), ""),
    "days that just cross": (times("{days_of_month: ['1:-28']}"), "ends before it begins"),
    "backward years": (times("{years: ['2026:2025']}"), "ends before it begins"),
    "a year that is a word": (times("{years: [now]}"), "invalid literal"),
    "a year's number": (times("{years: [2026]}"), ""),
    "no end": (times("{times: [{start_time: '08:00'}]}"), "needs start_time and end_time"),
    "no time at all": (times("{times: [{start_time: '08:00', end_time: '08:00'}]}"), "equal or greater"),
    "past midnight": (times("{times: [{start_time: '22:00', end_time: '06:00'}]}"), "equal or greater"),
    "one digit": (times("{times: [{start_time: '8:00', end_time: '09:00'}]}"), "not a time of day"),
    "after the day's end": (times("{times: [{start_time: '08:00', end_time: '24:01'}]}"), "not a time of day"),
    "the day's end": (times("{times: [{start_time: '08:00', end_time: '24:00'}]}"), ""),
    "times without quotes": (times("{times: [{start_time: 12:00, end_time: 17:30}]}"), ""),
    "a time's unknown key": (times("{times: [{start_time: '08:00', end_time: '24:00', x: 1}]}"), "nothing else"),
    "times in one text": (times("{times: ['08:00-09:00']}"), "start_time and end_time"),
    "no such place": (times("{location: Mars/Olympus}"), "not a time zone"),
    "a way out of the zones": (times("{location: '../etc/passwd'}"), "not a time zone"),
    "the machine's place": (times("{location: Local}"), ""),
    "an empty place": (times("{location: ''}"), ""),
    "a place of the old kind": (
        f"{ONE}mute_time_intervals: [{{name: n, time_intervals: [{{location: Europe/Paris}}]}}]\n",
        "",
    ),
}
GLOBAL: Final = {
    "another scheme": (glob("pagerduty_url: 'ftp://x'"), "unsupported scheme"),
    "no scheme": (glob("opsgenie_api_url: x"), "unsupported scheme"),
    "a path for Slack's URL": (glob("slack_api_url: /hook"), "unsupported scheme"),
    "an empty Slack URL": (glob("slack_api_url: ''"), "slack_api_url"),
    "a smarthost without a port": (glob("smtp_smarthost: mail"), "not a host with a port"),
    "a smarthost with an empty port": (glob("smtp_smarthost: 'mail:'"), "not a host with a port"),
    "a smarthost of IPv6": (glob("smtp_smarthost: '[::1]:25'"), ""),
    "a smarthost of IPv6 without brackets": (glob("smtp_smarthost: '::1:25'"), "not a host with a port"),
    "a smarthost that is a port": (glob("smtp_smarthost: ':25'"), ""),
    "Slack's URL and its file": (glob("slack_api_url: 'http://x', slack_api_url_file: /f"), "at most one of"),
    "Opsgenie's key and its file": (glob("opsgenie_api_key: k, opsgenie_api_key_file: /f"), "at most one of"),
    "VictorOps' key and its file": (glob("victorops_api_key: k, victorops_api_key_file: /f"), "at most one of"),
    "SMTP's password and its file": (glob("smtp_auth_password: k, smtp_auth_password_file: /f"), "at most one of"),
    "Rocket.Chat's token and its file": (glob("rocketchat_token: k, rocketchat_token_file: /f"), "at most one of"),
}
SENT: Final = {
    "a webhook": (sends("webhook", "{url: 'http://x'}"), ""),
    "a webhook that is null": (sends("webhook", "null"), "expected a mapping"),
    "a webhook without a URL": (sends("webhook", "{}"), "one of url and url_file must be set"),
    "a webhook with two URLs": (sends("webhook", "{url: 'http://x', url_file: /f}"), "at most one of url and url_file"),
    "a webhook's other scheme": (sends("webhook", "{url: 'ftp://x'}"), "unsupported scheme"),
    "a webhook without a host": (sends("webhook", "{url: 'http:///x'}"), "missing host"),
    "a webhook's odd URL": (sends("webhook", "{url: '://x'}"), "unsupported scheme"),
    "a webhook's negative max_alerts": (sends("webhook", "{url: 'http://x', max_alerts: -1}"), "negative"),
    "an empty http_config": (hook(""), ""),
    "an unknown key of http_config": (hook("bearer: x"), 'unknown key "bearer"'),
    "a bearer token and its file": (hook("bearer_token: a, bearer_token_file: b"), "at most one of bearer_token"),
    "a bearer token and a password": (hook("basic_auth: {username: u}, bearer_token: b"), "at most one of"),
    "basic by another name": (hook("authorization: {type: Basic, credentials: x}"), "basic_auth"),
    "credentials and their file": (hook("authorization: {credentials: x, credentials_file: y}"), "at most one of"),
    "a password and its file": (hook("basic_auth: {username: u, password: x, password_file: y}"), "at most one of"),
    "OAuth without a client": (hook("oauth2: {client_secret: x, token_url: 'http://t'}"), "client_id"),
    "OAuth without an address": (hook("oauth2: {client_id: x, client_secret: t}"), "token_url"),
    "OAuth and a password": (
        hook("basic_auth: {username: u}, oauth2: {client_id: x, client_secret: t, token_url: 'http://t'}"),
        "at most one of",
    ),
    "a certificate without a key": (hook("tls_config: {cert_file: /x}"), "a client certificate needs both"),
    "no version of TLS": (hook("tls_config: {min_version: TLS9}"), "TLS13"),
    "a mail that is null": (sends("email", "null"), "expected a mapping"),
    "a mail to nobody": (sends("email", "{from: a@b, smarthost: 'x:25'}"), 'key "to"'),
    "a mail to an empty address": (sends("email", "{to: '', from: a@b, smarthost: 'x:25'}"), "missing to address"),
    "a mail without a host": (sends("email", "{to: x@y, from: a@b}"), "no SMTP smarthost"),
    "a mail without a sender": (sends("email", "{to: x@y, smarthost: 'x:25'}"), "no sender"),
    "a mail's host without a port": (sends("email", "{to: x@y, from: a@b, smarthost: x}"), "not a host with a port"),
    "a mail with a header twice": (
        sends("email", "{to: x@y, from: a@b, smarthost: 'x:25', headers: {Subject: a, subject: b}}"),
        "a header is given twice",
    ),
    "Slack that is null": (sends("slack", "null", "slack_api_url: 'http://x'"), "expected a mapping"),
    "Slack without a URL": (sends("slack", "{channel: x}"), "no Slack API URL nor app token"),
    "Slack with two URLs": (sends("slack", "{api_url: 'http://x', api_url_file: /f}"), "at most one of"),
    "Slack's other URL": (sends("slack", "{api_url: x}"), "unsupported scheme"),
    "Slack with fields": (
        sends("slack", "{channel: '#a', fields: [{title: t, value: v}]}", "slack_api_url: 'http://x/y'"),
        "",
    ),
    "a field without a value": (sends("slack", "{api_url: 'http://x', fields: [{title: t}]}"), '"value"'),
    "a field without a title": (sends("slack", "{api_url: 'http://x', fields: [{value: t}]}"), '"title"'),
    "a button without a type": (sends("slack", "{api_url: 'http://x', actions: [{text: t, url: u}]}"), '"type"'),
    "a button without a text": (sends("slack", "{api_url: 'http://x', actions: [{type: t, url: u}]}"), '"text"'),
    "a button that does nothing": (
        sends("slack", "{api_url: 'http://x', actions: [{type: t, text: u}]}"),
        "missing name or url",
    ),
    "a button with a name": (sends("slack", "{api_url: 'http://x', actions: [{type: t, text: u, name: n}]}"), ""),
    "a button that asks nothing": (
        sends("slack", "{api_url: 'http://x', actions: [{type: t, text: u, url: v, confirm: {title: x}}]}"),
        '"text"',
    ),
    "PagerDuty that is null": (sends("pagerduty", "null"), "expected a mapping"),
    "PagerDuty without a key": (sends("pagerduty", "{}"), "missing routing_key"),
    "PagerDuty with an empty key": (sends("pagerduty", "{routing_key: ''}"), "missing routing_key"),
    "PagerDuty's key and its file": (sends("pagerduty", "{routing_key: a, routing_key_file: b}"), "at most one of"),
    "PagerDuty's old key and its file": (sends("pagerduty", "{service_key: a, service_key_file: b}"), "at most one of"),
    "PagerDuty's both keys": (sends("pagerduty", "{service_key: a, routing_key: b}"), ""),
    "PagerDuty elsewhere": (sends("pagerduty", "{routing_key: a, url: x}"), "unsupported scheme"),
    "SNS to nobody": (sends("sns", "{sigv4: {region: x}}"), "one of topic_arn, phone_number and target_arn"),
    "SNS to two": (sends("sns", "{topic_arn: a, phone_number: b}"), "and only one"),
    "SNS with half a key": (sends("sns", "{topic_arn: a, sigv4: {access_key: x}}"), "given together"),
    "SNS to a topic": (sends("sns", "{topic_arn: a}"), ""),
}
UNSENT: Final = {
    "Opsgenie that is null": (sends("opsgenie", "null"), "expected a mapping"),
    "Opsgenie without a key": (sends("opsgenie", "{}"), "or as opsgenie_api_key in global"),
    "Opsgenie with global's key": (sends("opsgenie", "{}", "opsgenie_api_key: k"), ""),
    "Opsgenie with a key and a file": (sends("opsgenie", "{api_key: k, api_key_file: f}"), "at most one of"),
    "VictorOps without a route": (sends("victorops", "{}"), "routing_key"),
    "VictorOps without a key": (sends("victorops", "{routing_key: r}"), "victorops_api_key in global"),
    "VictorOps with both": (sends("victorops", "{routing_key: r, api_key: k}"), ""),
    "VictorOps with a key and a file": (
        sends("victorops", "{routing_key: r, api_key: k, api_key_file: f}"),
        "at most one of",
    ),
    "Pushover without a user": (sends("pushover", "{token: t}"), "user_key"),
    "Pushover without a token": (sends("pushover", "{user_key: u}"), "token"),
    "Pushover with both": (sends("pushover", "{user_key: u, token: t}"), ""),
    "Pushover with a user and a file": (sends("pushover", "{user_key: u, user_key_file: f, token: t}"), "at most one"),
    "Telegram without a chat": (sends("telegram", "{bot_token: t}"), "chat_id"),
    "Telegram without a token": (sends("telegram", "{chat_id: 1}"), "telegram_bot_token in global"),
    "Telegram with both": (sends("telegram", "{chat_id: 1, bot_token: t}"), ""),
    "Telegram with global's token": (sends("telegram", "{chat_id: 1}", "telegram_bot_token: t"), ""),
    "Discord without a URL": (sends("discord", "{}"), "webhook_url"),
    "Discord with a URL": (sends("discord", "{webhook_url: 'http://x'}"), ""),
    "Discord with a path": (sends("discord", "{webhook_url: /x}"), "unsupported scheme"),
    "Webex without a room": (sends("webex", "{http_config: {authorization: {credentials: x}}}"), "room_id"),
    "WeChat without a secret": (sends("wechat", "{corp_id: c}"), "wechat_api_secret in global"),
    "WeChat without a company": (sends("wechat", "{api_secret: s}"), "wechat_api_corp_id in global"),
    "WeChat with both": (sends("wechat", "{api_secret: s, corp_id: c}"), ""),
}
ALL: Final = {
    f"{title}: {name}": case
    for title, table in {
        "file": FILE,
        "routes": ROUTES,
        "inhibition": INHIBITION,
        "intervals": INTERVALS,
        "global": GLOBAL,
        "sent": SENT,
        "unsent": UNSENT,
    }.items()
    for name, case in table.items()
}

NEWER: Final = {
    "file: labels of a receiver",
    "routes: labels of a route",
    "routes: a label beyond ASCII",
    "inhibition: a rule with a name",
    "inhibition: an equal label beyond ASCII",
    "sent: a certificate without a key",
    "unsent: Telegram with global's token",
}
"""Of which 0.25 thinks otherwise than 0.34: it is too old for them."""

CRASHES: Final = {
    "file: a receiver that is null",
    "routes: a route that is null below",
    "sent: a webhook that is null",
    "sent: a mail that is null",
    "sent: Slack that is null",
    "sent: PagerDuty that is null",
    "unsent: Opsgenie that is null",
}
"""Over which 0.25 ends with a stack trace."""

STRICTER: Final = {
    "month 0": (times("{months: ['0']}"), "not a month"),
    "month 13": (times("{months: ['13']}"), "not a month"),
    "an interval that is null": (times("null"), "expected a mapping"),
    "a matcher that is null": (node("matchers: [null]"), "cannot read the matcher"),
    "a second document": (f"{ONE}---\nroute: {{}}\n", "a second document begins here"),
    "a mail's password and its file": (
        sends("email", "{to: x@y, from: a@b, smarthost: 'x:25', auth_password: a, auth_password_file: b}"),
        "at most one of",
    ),
}
"""Alertmanager takes these, and nobody can have meant them: it ignores a part of the file, or is mute at all times."""

LOOSER: Final = {
    "a truth in quotes": sends("webhook", "{url: 'http://x', send_resolved: 'true'}"),
    "a proxy that is none": hook("proxy_url: '://'"),
    "OAuth without a secret": hook("oauth2: {client_id: x, token_url: 'http://t'}"),
    "a key of an integration that we do not send": sends("opsgenie", "{api_key: k, teem: x}"),
    "Webex without an authorization": sends("webex", "{room_id: r}"),
    "a glob with an open bracket": f"{ONE}templates: ['[']\n",
}
"""Alertmanager 0.25 refuses these, and we do not: what we do not use is not looked into, and what is meant is plain."""
