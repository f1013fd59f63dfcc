"""Templates that both we and Prometheus can render; tests/gotemplate compares with what is documented and with promtool."""

from __future__ import annotations

from agent.gotemplate import PROMETHEUS, Struct, bind, parse
from agent.model import Labels

VARIABLES = ("$labels", "$value", "$externalLabels", "$externalURL")
EXTERNAL_URL = "http://burnline.example/base"


def render(text, *, labels=None, value=1.0, at_ms=0, query=None):
    """Render as a rule's annotation is rendered."""
    labels = Labels(labels or {"__name__": "m", "instance": "a:9090", "job": "rag"})
    data = Struct(
        "AlertTemplateData",
        {"Labels": labels, "ExternalLabels": Labels(), "ExternalURL": EXTERNAL_URL, "Value": value},
    )
    variables = dict(zip(VARIABLES, (labels, value, Labels(), EXTERNAL_URL), strict=True))
    return parse(text, "case", PROMETHEUS, VARIABLES).render(
        data, variables, bind(at_ms, query or (lambda *_: []), EXTERNAL_URL)
    )


GOOD = [
    # values
    "{{ $value }}",
    "{{ .Value }}",
    "{{ $labels.instance }} of {{ .Labels.job }}",
    "[{{ $labels.missing }}]",
    "{{ $labels }}",
    "{{ $externalURL }} {{ .ExternalURL }}",
    "{{ 1e6 }} {{ 100000.0 }} {{ 1234567.0 }} {{ 123456789.0 }} {{ 1e20 }} {{ 0.00012 }} {{ 0.000012 }} {{ 0.5 }}",
    "{{ 010 }} {{ 0x1F }} {{ 0b101 }} {{ 0o17 }} {{ 1_000 }} {{ 'a' }} {{ -3 }} {{ +4 }} {{ .5 }} {{ 0x1p4 }}",
    '{{ "tab\\tquote\\"\\u00e9\\x41\\101" }} {{ `raw\\n` }}',
    "{{ true }} {{ false }}",
    # text, trimming, comments
    "a {{- 1 -}} b",
    "a\n  {{- /* gone */ -}}  \n b",
    "a {{/* stays apart */}} b",
    "a {{ 3 -}}   \n  b",
    "{{-3}} x",
    # variables and control
    '{{ $x := "a" }}{{ if true }}{{ $x = "b" }}{{ end }}{{ $x }}',
    '{{ $x := "a" }}{{ if true }}{{ $x := "b" }}{{ end }}{{ $x }}',
    "{{ if eq $labels.job `rag` }}yes{{ else }}no{{ end }}",
    "{{ if eq $labels.job `x` }}1{{ else if eq $labels.job `rag` }}2{{ else }}3{{ end }}",
    "{{ if $labels.missing }}1{{ else }}2{{ end }}",
    "{{ with $labels.job }}<{{ . }}>{{ else }}none{{ end }}",
    "{{ with $labels.missing }}<{{ . }}>{{ else }}none {{ .Value }}{{ end }}",
    "{{ range $k, $v := $labels }}{{ $k }}={{ $v }};{{ end }}",
    "{{ range $labels }}{{ . }},{{ end }}",
    "{{ range $v := $labels }}{{ $v }},{{ end }}",
    "{{ range $k, $v := $labels }}{{ if eq $k `job` }}{{ break }}{{ end }}{{ $k }} {{ end }}",
    "{{ range $k, $v := $labels }}{{ if eq $k `instance` }}{{ continue }}{{ end }}{{ $k }} {{ end }}",
    "{{ range $i, $e := query `absent_series` }}{{ $e }}{{ else }}nothing{{ end }}",
    '{{ define "one" }}<{{ . }}>{{ end }}{{ template "one" $value }}{{ template "one" "x" }}',
    '{{ block "two" $labels.job }}[{{ . }}]{{ end }}',
    '{{ define "three" }}{{ .arg0 }}-{{ .arg1 }}{{ end }}{{ template "three" (args 1 "b") }}',
    '{{ define "four" }}{{ $y := . }}{{ $y }}{{ $ }}{{ end }}{{ template "four" 7 }}',
    # comparison and logic
    "{{ eq 1 1 }} {{ eq 1 2 3 1 }} {{ ne 1 2 }} {{ lt 1 2 }} {{ le 2 2 }} {{ gt 1.5 1.0 }} {{ ge `b` `a` }}",
    "{{ and 1 0 2 }} {{ and 1 2 }} {{ or 0 `` `x` }} {{ or 0 `` }} {{ not 0 }} {{ not `a` }}",
    "{{ and false (index $labels 1) }}",
    "{{ if gt $value 0.5 }}high{{ end }}",
    "{{ eq $labels.job `rag` }} {{ eq `a` `b` `a` }}",
    # printf and its kin
    '{{ printf `%v %s %d %q %t` 1.5 `a` 3 `b"c` true }}',
    "{{ printf `%.2f|%8.3f|%-8.1f|%08.3f|%+.1f` 3.14159 3.14159 3.14159 3.14159 3.14159 }}",
    "{{ printf `%e|%.3e|%g|%.3g|%G|%E` 12345.678 12345.678 12345.678 12345.678 1e-10 12.5 }}",
    "{{ printf `%5d|%-5d|%05d|%+d|% d|%x|%X|%#x|%o|%b|%c|%U` 42 42 42 42 42 255 255 255 8 5 65 65 }}",
    "{{ printf `%s|%10s|%-10s|%.2s|%x|% x|%q|%5q` `abc` `abc` `abc` `abc` `abc` `abc` `abc` `a` }}",
    "{{ printf `%t|%5t|%v` true false false }}",
    "{{ printf `100%%` }}",
    "{{ printf `%d %s` 1 }} {{ printf `%d` 1 2 `x` }} {{ printf `%z` 3 }} {{ printf `%d` 1.5 }} {{ printf `%s` 3 }}",
    "{{ printf `%[2]d %[1]d` 1 2 }} {{ printf `%*d` 5 42 }} {{ printf `%[3]d` 1 }} {{ printf `%` }}",
    "{{ printf `%v|%s|%q` $labels $labels $labels }}",
    "{{ printf `%T %T %T %T %T` 1 1.0 `a` true $labels }}",
    "{{ printf `%v %d` nil nil }}",
    "{{ printf `%6.2f%%` $value }}",
    "{{ printf `%.0f %.1f %.3f` 2.5 0.25 1e9 }}",
    "{{ print 1 2 `a` `b` 3 4.5 true }}|{{ println `a` 1 }}",
    "{{ len `abcé` }} {{ len $labels }} {{ index $labels `job` }} {{ slice `abcdef` 1 3 }} {{ slice `abc` 1 }}",
    '{{ html `<a href="x">\'&` }} {{ js `it\'s <b> = "c"` }} {{ urlquery `a b&c=d/é` }}',
    "{{ `x` | printf `%s-%s` `y` }} {{ 3 | printf `%d` | printf `<%s>` }}",
    "{{ (printf `%s` $labels.job) | toUpper }} {{ $labels.job | title | printf `%q` }}",
    # Prometheus' functions
    "{{ humanize 1234567.0 }} {{ humanize 0.0012 }} {{ humanize 0 }} {{ humanize `999` }} {{ humanize -5e9 }}",
    "{{ humanize 1e-30 }} {{ humanize 1e30 }}",
    "{{ humanize1024 1234567.0 }} {{ humanize1024 1024 }} {{ humanize1024 0.5 }} {{ humanize1024 -2048 }}",
    "{{ humanize1024 1e30 }}",
    "{{ humanizeDuration 0 }} {{ humanizeDuration 0.1 }} {{ humanizeDuration 899.99 }} {{ humanizeDuration 1234567 }}",
    "{{ humanizeDuration 59.5 }} {{ humanizeDuration 3600 }} {{ humanizeDuration -90 }} {{ humanizeDuration 0.00001 }}",
    "{{ humanizePercentage 0.1234567 }} {{ humanizePercentage `0.5` }} {{ humanizePercentage 12 }}",
    "{{ humanizeTimestamp 1435065584.128 }} {{ humanizeTimestamp 0 }} {{ humanizeTimestamp 1.5 }}",
    "{{ humanize $value }} {{ humanizeDuration $value }} {{ humanizePercentage $value }}",
    "{{ toUpper `aBc` }} {{ toLower `aBc` }} {{ title `a bc don't x_y 9z` }}",
    "{{ match `a+b` `xaab` }} {{ match `^b` `ab` }}",
    "{{ reReplaceAll `(a)(.)` `$2-$1` `abac` }} {{ reReplaceAll `a` `$1x` `ba` }}",
    "{{ reReplaceAll `(?P<n>b)` `${n}${n}$$` `abc` }}",
    "{{ reReplaceAll `a*` `X` `baaac` }}",
    "{{ stripPort `host:9090` }} {{ stripPort `[::1]:80` }} {{ stripPort `host` }} {{ stripPort `a:b:c` }}",
    "{{ stripDomain `web.example.org:80` }} {{ stripDomain `10.0.0.1:80` }} {{ stripDomain `a.b` }} {{ stripDomain `[::1]:80` }}",
    "{{ parseDuration `1h30m` }} {{ parseDuration `100ms` }}",
    "{{ graphLink `up == 0` }} {{ tableLink `rate(x[5m])` }}",
    "{{ safeHtml `<b>` }}",
    "{{ toTime 1435065584.128 }} {{ (toTime 60).Unix }} {{ (toTime 1435065584).Format `2006-01-02T15:04:05Z07:00` }}",
    "{{ (toTime 1435065584).Year }} {{ (toTime 1435065584).Weekday }} {{ (toTime 1435065584).Month }}",
    "{{ (args 1 2).arg1 }} {{ args 1 `b` }}",
    # queries at the instant of the evaluation
    "{{ with query `other` }}{{ . | first | value | humanize }}{{ end }}",
    "{{ query `other` | first | label `kind` }}",
    "{{ range query `many` | sortByLabel `n` }}{{ .Labels.n }}:{{ .Value }} {{ end }}",
    "{{ range $i, $e := sortByLabel `n` (query `many`) }}{{ if $i }}, {{ end }}{{ $e.Labels.n }}{{ end }}",
    "{{ len (query `many`) }}",
]

BAD = [
    "{{ $label.foo }}",
    "{{ nope }}",
    "{{ if true }}",
    "{{ end }}",
    "{{ else }}",
    "{{ if }}x{{ end }}",
    "{{ range }}x{{ end }}",
    "{{ with }}x{{ end }}",
    "{{ }}",
    "{{ | print }}",
    "{{ 1 | 2 }}",
    '{{ "abc }}',
    "{{ `abc }}",
    "{{ . ",
    "{{ (print 1 }}",
    "{{ print 1) }}",
    "{{ $x = 1 }}{{ $x := }}",
    "{{ $x, $y := 1 }}",
    "{{ range $a, $b, $c := . }}{{ end }}",
    "{{ 1x }}",
    "{{ 0xg }}",
    "{{ 99999999999999999999 }}",
    "{{ 1.Foo }}",
    "{{ nil.Foo }}",
    "{{ @ }}",
    "{{ $labels.a-b }}",
    "{{ /* open",
    "{{/* open }}",
    "{{/* c */ x}}",
    "{{ define }}{{ end }}",
    '{{ define "a" }}',
    '{{ define "a" }}x{{ end }}{{ define "a" }}y{{ end }}',
    '{{ define "a" }}{{ $labels.x }}{{ end }}',
    "{{ template }}",
    "{{ template foo }}",
    "{{ if true }}{{ else }}{{ else }}{{ end }}",
    "{{ if true }}{{ define `x` }}{{ end }}{{ end }}",
    "{{ break }}",
    "{{ continue }}",
    "{{ if true }}{{ $inner := 1 }}{{ end }}{{ $inner }}",
    "{{ 'ab' }}",
    '{{ "\\q" }}',
    "{{ a.b }}",
    "{{ : }}",
    '{{ "a""b" }}',
]
