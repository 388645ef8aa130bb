import ast

import nbformat
import pytest

from ocrlearn.course import same_as

TARGET = "ocrlearn.image.convert.to_float"
BODY = """
    array = check_image(image)
    if array.dtype == np.uint8:
        return array.astype(np.float32) / np.float32(255)
    if array.dtype == np.bool_:
        return array.astype(np.float32)
    return array
"""


def marks(source):
    return list(same_as.find_marks([nbformat.v4.new_code_cell(source)]))


def differs(source, target=TARGET):
    (mark,) = marks(f"# same-as: {target}\n{source}")
    return same_as.difference(mark)


def test_layout_comments_docstring_types_and_own_name_may_differ():
    assert differs(f"def to_float(image):{BODY}") == ""
    assert differs(f"def as_float(\n    image,\n):\n    '''Short.'''\n    # why{BODY}") == ""
    typed = BODY.replace("array = check", "array: np.ndarray = check")
    assert differs(f"def to_float(image: Any) -> Any:{typed}") == ""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("255", "256"),
        ("np.bool_", "bool"),
        ("    return array\n", ""),
        ("== np.uint8", "!= np.uint8"),
    ],
)
def test_any_other_change_is_shown(old, new):
    shown = differs(f"def to_float(image):{BODY.replace(old, new)}")
    assert shown.startswith(f"--- {TARGET}\n+++ the chapter\n")
    assert "\n-" in shown


def test_arguments_defaults_and_decorators_count():
    assert differs(f"def to_float(page):{BODY}") != ""
    assert differs(f"def to_float(image=None):{BODY}") != ""
    assert differs(f"@cache\ndef to_float(image):{BODY}") != ""


def test_recursion_may_use_the_chapter_name():
    one = ast.parse("def f(x):\n    return f(x - 1) if x else 0").body[0]
    other = ast.parse("def g(x):\n    return g(x - 1) if x else 0").body[0]
    assert ast.dump(same_as._normalise(one)) == ast.dump(same_as._normalise(other))


def test_methods_and_classes_are_found():
    assert isinstance(same_as._library_node("ocrlearn.document.Line.text"), ast.FunctionDef)
    assert isinstance(same_as._library_node("ocrlearn.document.Line"), ast.ClassDef)


def test_library_is_not_imported_to_be_read():
    import subprocess
    import sys

    code = (
        "import sys; from ocrlearn.course import same_as; "
        "same_as._library_node('ocrlearn.ops.integral.integral_image_reference'); "
        "sys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "target", ["ocrlearn.image.convert.nothing", "ocrlearn.nothing.at_all", "nothing", "json.x.y"]
)
def test_unknown_target(target):
    with pytest.raises(LookupError, match=f"no function or class {target}"):
        differs("def f():\n    pass", target)


def test_several_marks_in_one_cell():
    source = (
        f"# same-as: {TARGET}\ndef a(x):\n    pass\n\n\n# same-as: x.y\n@cache\nclass B:\n    c = 1"
    )
    assert marks(source) == [
        same_as.Mark(TARGET, "def a(x):\n    pass"),
        same_as.Mark("x.y", "@cache\nclass B:\n    c = 1"),
    ]


@pytest.mark.parametrize(
    "source", ["# same-as: a.b\n\ndef f():\n    pass", "# same-as: a.b\nx = 1"]
)
def test_mark_above_nothing(source):
    with pytest.raises(ValueError, match="must stand directly above a function or class"):
        marks(source)
