"""Markup: HTML put together from text that is always escaped. Pure."""

import re
from collections.abc import Iterable
from html import escape

_CODE = re.compile(r"`([^`]+)`")


def prose(text: str) -> str:
    """Text in which `backticks` mark code."""
    return _CODE.sub(r"<code>\1</code>", escape(text))


def paragraphs(text: str) -> str:
    """Paragraphs with empty lines between them."""
    return "".join(f"<p>{prose(one)}</p>" for one in text.split("\n\n") if one)


def code(text: str) -> str:
    """Code within a line."""
    return f"<code>{escape(text)}</code>"


def table(caption: str, heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table whose cells are markup; nothing where there are no rows."""
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    if not body:
        return ""
    head = "".join(f"<th>{escape(one)}</th>" for one in heads)
    title = f"<h4>{escape(caption)}</h4>" if caption else ""
    return (
        f'{title}<div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
