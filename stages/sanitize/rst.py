"""reStructuredText as HTML, that of Sphinx included; the HTML path makes text of it.

See :func:`~os.path.join`.  ->  See <code>join</code>.
"""

import re

from docutils import nodes
from docutils.core import publish_doctree, publish_from_doctree
from docutils.parsers.rst import Directive, directives, languages, roles
from docutils.utils import new_document

from stages.sanitize.records import Unreadable

RST = "text/x-rst"
DIRECTIVE = re.compile(r"^\s*\.\. +([\w:+.-]+)::", re.MULTILINE)
ROLE = re.compile(r":([\w:+.-]+):`")
SETTINGS = {
    "_disable_config": True,  # else docutils.conf of the working directory would count
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "report_level": 5,
    "halt_level": 5,
    "input_encoding": "unicode",
    "output_encoding": "unicode",
    "doctitle_xform": False,
    "initial_header_level": 1,
    "syntax_highlight": "none",
    "math_output": "LaTeX",
    "embed_stylesheet": False,
    "stylesheet_path": None,
}
CODE = ("code-block", "sourcecode", "code")
SKIPPED = ("toctree", "index", "only", "highlight", "literalinclude", "image", "module", "currentmodule", "contents")


class _AnyOptions(dict[str, object]):
    """Every option of an unknown directive is taken, and means nothing."""

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, key: str) -> object:
        return directives.unchanged

    def __contains__(self, key: object) -> bool:
        return True


class _Unknown(Directive):  # type: ignore[misc]
    """A directive that docutils does not know, for example one of Sphinx: its title and what stands in it are text."""

    optional_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec = _AnyOptions()

    def run(self) -> list[nodes.Node]:
        if self.name in SKIPPED:
            return []
        found = nodes.container()
        if self.arguments:
            title = nodes.paragraph()
            children, _ = self.state.inline_text(self.arguments[0], self.lineno)
            title += children
            found += title
        self.state.nested_parse(self.content, self.content_offset, found)
        return [found]


class _Code(_Unknown):
    """A block of code with any options: those of Sphinx are an error to docutils, which then drops the code."""

    def run(self) -> list[nodes.Node]:
        code = "\n".join(self.content)
        return [nodes.literal_block(code, code)]


def _reference(role: str, rawtext: str, text: str, lineno: int, inliner: object, options: object = None,
               content: object = None) -> tuple[list[nodes.Node], list[nodes.Node]]:  # fmt: skip
    """A role that docutils does not know: `title <target>` is its title, `~a.b.c` its last part."""
    shown = re.sub(r"\s*<[^<>]*>$", "", text)
    shown = shown.rsplit(".", 1)[-1] if shown.startswith("~") else shown.removeprefix("!")
    prose = role in ("ref", "doc", "term", "guilabel", "menuselection", "numref", "abbr", "dfn", "sup", "sub")
    return [nodes.inline(rawtext, shown) if prose else nodes.literal(rawtext, shown)], []


def rst_html(text: str) -> str:
    """ReStructuredText as HTML. File insertion and raw markup are off: nothing but `text` is read.

    Raises:
        Unreadable: docutils gives up on it.
    """
    _register_unknown(text)
    try:
        tree = publish_doctree(text, settings_overrides=SETTINGS)
        for literal in tree.findall(nodes.literal):
            literal["classes"].append("code")  # else the writer makes a <span> of it
        page = publish_from_doctree(tree, writer="html5", settings_overrides=SETTINGS)
    except Exception as error:
        raise Unreadable(f"docutils: {type(error).__name__}: {error}") from error
    return str(page)


def _register_unknown(text: str) -> None:
    """Teach docutils the directives and roles of this text that it does not know."""
    language, scratch = languages.get_language("en", None), new_document("", None)
    for name in CODE:
        directives.register_directive(name, _Code)
    for name in sorted(set(DIRECTIVE.findall(text))):
        if directives.directive(name, language, scratch)[0] is None:
            directives.register_directive(name, _Unknown)
    for name in sorted(set(ROLE.findall(text))):
        if roles.role(name, language, 0, scratch.reporter)[0] is None:
            roles.register_local_role(name, _reference)
