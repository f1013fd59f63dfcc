"""Pages for people: a runbook, the list of runbooks, and a front page with a form; readable on a phone at night.

Markdown is rendered with raw HTML switched off, so a document is shown, never obeyed.
"""

from __future__ import annotations

import html
from functools import cache
from typing import Final

from markdown_it import MarkdownIt

from sample_rag_app.documents import Document

_STYLE: Final = """
:root{color-scheme:light dark;--ink:#1c1e21;--paper:#fdfcfa;--soft:#f0eeea;--line:#d8d4cc;--link:#0b57a4}
@media (prefers-color-scheme:dark){:root{--ink:#e8e6e3;--paper:#16181b;--soft:#22252a;--line:#3a3e45;--link:#8ab8f0}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:44rem;padding:1rem;color:var(--ink);background:var(--paper);
font:1.0625rem/1.55 system-ui,sans-serif;overflow-wrap:break-word}
nav{font-size:.9rem;margin-bottom:1rem}
a{color:var(--link)}
h1{font-size:1.5rem;line-height:1.25;margin:.2em 0 .4em}
h2{font-size:1.15rem;margin:1.6em 0 .3em;border-bottom:1px solid var(--line);padding-bottom:.2em}
li{margin:.45em 0}
code{background:var(--soft);padding:.1em .3em;border-radius:3px;font-size:.9em}
pre{background:var(--soft);padding:.7em;border-radius:5px;white-space:pre-wrap;overflow-wrap:anywhere}
pre code{background:none;padding:0}
table{border-collapse:collapse;display:block;overflow-x:auto}
td,th{border:1px solid var(--line);padding:.3em .6em;text-align:left}
textarea,button{font:inherit;width:100%;padding:.6em;margin:.3em 0}
output{white-space:pre-wrap;display:block}
"""

_ASK: Final = """
<form id="ask"><label for="question">Ask about an alert, or how the service works</label>
<textarea id="question" rows="2" required>What should I check first when the error rate is high?</textarea>
<button>Ask</button></form><output id="answer"></output><ul id="sources"></ul>
<script>
const byId=(id)=>document.getElementById(id);
byId("ask").addEventListener("submit",async(event)=>{
  event.preventDefault();
  byId("sources").replaceChildren();
  try{
    const reply=await fetch("/api/query",{method:"POST",headers:{"Content-Type":"application/json"},
      body:JSON.stringify({question:byId("question").value,client_id:"page"})});
    const body=await reply.json();
    byId("answer").textContent=body.answer??body.error;
    for(const source of body.sources??[]){
      const link=document.createElement(source.url?"a":"span");
      if(source.url)link.href=source.url;
      link.textContent=source.title;
      const item=document.createElement("li");item.append(link);byId("sources").append(item);
    }
  }catch(error){byId("answer").textContent="No answer: "+error.message;}
});
</script>
"""


@cache
def _markdown() -> MarkdownIt:
    # The js-default preset knows tables and has raw HTML off; links to scripts are refused by markdown-it itself.
    return MarkdownIt("js-default")


def render(text: str) -> str:
    """Turn markdown into HTML; HTML inside the text is escaped."""
    return str(_markdown().render(text))


def runbook_page(document: Document) -> str:
    """Return the page of one document."""
    return _page(document.title, f'<nav><a href="/runbooks">All runbooks</a></nav><main>{render(document.text)}</main>')


def list_page(documents: list[Document]) -> str:
    """Return the list of the shipped documents, runbooks first."""
    runbooks = [document for document in documents if document.shipped and document.first_steps]
    others = [document for document in documents if document.shipped and not document.first_steps]
    body = f"<main><h1>Runbooks</h1>{_links(runbooks)}<h2>How things work</h2>{_links(others)}</main>"
    return _page("Runbooks", f'<nav><a href="/">Ask</a></nav>{body}')


def front_page() -> str:
    """Return the page at `/`: a question box and where else to look."""
    links = (
        '<p><a href="/runbooks">Runbooks</a> · <a href="/metrics">Metrics</a> · <a href="/health/ready">Health</a></p>'
    )
    return _page("Sample RAG service", f"<main><h1>Sample RAG service</h1>{_ASK}{links}</main>")


def missing_page(name: str) -> str:
    """Return the page for a runbook that does not exist."""
    text = f"<main><h1>No such runbook</h1><p>There is no runbook called {html.escape(name)}.</p>"
    return _page("No such runbook", f'{text}<p><a href="/runbooks">All runbooks</a></p></main>')


def _links(documents: list[Document]) -> str:
    items = [
        f'<li><a href="/runbooks/{document.name}">{html.escape(document.title)}</a></li>'
        for document in sorted(documents, key=lambda document: document.title)
    ]
    return f"<ul>{''.join(items)}</ul>"


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body>{body}</body></html>"
    )
