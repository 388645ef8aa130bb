"""ICDAR 2003 and SVT: words as tagged rectangles in XML."""

import re
from xml.sax.saxutils import escape, quoteattr

import pytest
from data.readers.made_up import checked, image, plain, text_file, transcriptions, upright
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrlearn.data.readers import DataFormatError, icdar2003, svt

SCENE = """<?xml version="1.0" encoding="UTF-8"?>
<tagset>
  <image>
    <imageName>ryoungt_05.08.2002/aPICT0035.JPG</imageName>
    <resolution x="1279" y="507" />
    <taggedRectangles>
      <taggedRectangle x="513.0" y="89.0" width="154.0" height="75.0" offset="0.0" rotation="0.0"
                       userName="admin">
        <tag>ARE</tag>
        <segmentation>
          <xOff>55.0</xOff>
          <xOff>106.0</xOff>
        </segmentation>
      </taggedRectangle>
      <taggedRectangle x="-2.0" y="0.0" width="20.0" height="10.0" offset="0.0" rotation="0.1">
        <tag>A&amp;B</tag>
        <segmentation><xOff>5</xOff></segmentation>
      </taggedRectangle>
    </taggedRectangles>
  </image>
</tagset>
"""


def scene(root, text=SCENE, truth="segmentation"):
    image(root / "SceneTrialTrain" / "ryoungt_05.08.2002" / "aPICT0035.JPG")
    text_file(root / "SceneTrialTrain" / f"{truth}.xml", text)
    return root


# --- ICDAR 2003 -----------------------------------------------------------------------------------


def test_words_with_their_characters(tmp_path):
    (sample,) = checked(icdar2003.read_icdar2003(scene(tmp_path), truth="segmentation"))
    assert (sample.width, sample.height) == (1279, 507)
    edges = (513, 568, 619, 667)
    characters = [
        {
            "polygon": upright(edges[k], 89, edges[k + 1], 164),
            "text": "ARE"[k],
            "level": "character",
        }
        for k in range(3)
    ]
    assert [plain(word) for word in sample.instances] == [
        {
            "polygon": upright(513, 89, 667, 164),
            "text": "ARE",
            "level": "word",
            "parts": characters,
        },
        {
            "polygon": upright(-2, 0, 18, 10),
            "text": "A&B",
            "level": "word",
            "attributes": ("rotation=0.1", "cuts do not fit"),
        },
    ]


def test_words_and_locations(tmp_path):
    # The owner's words.xml holds an empty element in every word, also in words of one letter.
    words = re.sub(r"<segmentation>.*?</segmentation>", "<segmentation />", SCENE, flags=re.DOTALL)
    words = words.replace("ARE", "A")
    (sample,) = checked(icdar2003.read_icdar2003(scene(tmp_path, words, "words")))
    assert [(word.text, word.parts, word.attributes) for word in sample.instances] == [
        ("A", (), ()),
        ("A&B", (), ("rotation=0.1",)),
    ]
    scene(tmp_path, re.sub("<tag>.*</tag>\\s*<segmentation />", "", words), "locations")
    (sample,) = checked(icdar2003.read_icdar2003(tmp_path, truth="locations"))
    assert [word.text for word in sample.instances] == [None, None]


def test_cropped_words_and_characters(tmp_path):
    image(tmp_path / "TrialTest" / "word" / "1" / "1.jpg")
    image(tmp_path / "TrialTest" / "char" / "1" / "2.jpg")
    words = '<imagelist>\n<image file="word/1/1.jpg" tag="&quot;£5&quot;" />\n</imagelist>'
    head = '<?xml version="1.0" encoding="iso-8859-1"?>\n'
    (tmp_path / "TrialTest" / "word.xml").write_bytes((head + words).encode("latin-1"))
    text_file(
        tmp_path / "TrialTest" / "char.xml",
        '<imagelist><image file="char/1/2.jpg" tag="a"/></imagelist>',
    )
    (word,) = checked(icdar2003.read_icdar2003_words(tmp_path, "test"))
    assert (word.image, word.text) == (tmp_path / "TrialTest/word/1/1.jpg", '"£5"')
    (character,) = checked(icdar2003.read_icdar2003_characters(tmp_path, "test"))
    assert (character.image.name, character.text, character.label) == ("2.jpg", "a", "a")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'x="513.0"',
            'x="wide"',
            "line 7: expected a number as x of <taggedRectangle>, got 'wide'",
        ),
        ('x="513.0"', "", "line 7: expected a number as x of <taggedRectangle>, got null"),
        ('width="154.0"', 'width="-1"', "line 7: a box must have left <= right"),
        ("<xOff>55.0", "<xOff>no", "line 11: expected a number in <xOff>, got 'no'"),
        ("<tag>ARE</tag>", "", "line 7: expected a <tag> in <taggedRectangle>, got 'none'"),
        ('x="1279"', 'x="12.5"', "line 5: expected x and y to be whole numbers"),
        ("<imageName>", "<imageName>../", "line 4: expected a path inside"),
        ("imageName", "image_name", "line 3: expected a <imageName> in <image>"),
        ("tagset", "tags", "line 2: expected <tagset> as the outermost element, got '<tags>'"),
        ("</tagset>", "", "not well-formed XML: no element found: line 22"),
    ],
)
def test_malformed_scenes_are_named(tmp_path, old, new, message):
    assert old in SCENE
    scene(tmp_path, SCENE.replace(old, new))
    with pytest.raises(DataFormatError, match=rf"segmentation\.xml[,:] {message}"):
        list(icdar2003.read_icdar2003(tmp_path, truth="segmentation"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<imagelist><image file='x.jpg'/></imagelist>", "expected the attributes file and tag"),
        ("<imagelist><image file='../x.jpg' tag='a'/></imagelist>", "expected a path inside"),
        ("<tagset/>", "expected <imagelist> as the outermost element"),
    ],
)
def test_malformed_lists_are_named(tmp_path, text, message):
    text_file(tmp_path / "WordTrialTrain" / "word.xml", text)
    with pytest.raises(DataFormatError, match=rf"word\.xml, line 1: {message}"):
        list(icdar2003.read_icdar2003_words(tmp_path))


def test_missing_files_are_explained(tmp_path):
    scene(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"expected .*SceneTrialTrain/words\.xml or "):
        icdar2003.read_icdar2003(tmp_path)
    with pytest.raises(ValueError, match="truth must be one of 'words', 'segmentation'"):
        icdar2003.read_icdar2003(tmp_path, truth="chars")
    (tmp_path / "SceneTrialTrain/ryoungt_05.08.2002/aPICT0035.JPG").unlink()
    with pytest.raises(FileNotFoundError, match=r"line 4: there is no file .*aPICT0035\.JPG"):
        list(icdar2003.read_icdar2003(tmp_path, truth="segmentation"))


# --- SVT ------------------------------------------------------------------------------------------

SIGN = """<?xml version="1.0" encoding="utf-8"?>
<tagset>
  <image>
    <imageName>img/14_03.jpg</imageName>
    <address>341 Southwest 10th Avenue Portland OR</address>
    <lex>
    LIVING,ROOM,,CAFE
    </lex>
    <Resolution x="1280" y="880"/>
    <taggedRectangles>
      <taggedRectangle height="75" width="236" x="375" y="253">
        <tag>LIVING</tag>
      </taggedRectangle>
    </taggedRectangles>
  </image>
</tagset>
"""


def test_svt(tmp_path):
    image(tmp_path / "svt1" / "img" / "14_03.jpg")
    text_file(tmp_path / "svt1" / "test.xml", SIGN, bom=True, crlf=True)
    for root in (tmp_path, tmp_path / "svt1"):
        (sample,) = checked(svt.read_svt(root, "test"))
        assert sample.lexicon == ("LIVING", "ROOM", "CAFE")
        assert (sample.width, sample.height) == (1280, 880)
        assert sample.details == {"address": "341 Southwest 10th Avenue Portland OR"}
        assert [plain(word) for word in sample.instances] == [
            {"polygon": upright(375, 253, 611, 328), "text": "LIVING", "level": "word"}
        ]
    with pytest.raises(FileNotFoundError, match=r"the train labels .*train\.xml"):
        svt.read_svt(tmp_path, "train")


def test_svt_cannot_name_what_lies_outside(tmp_path):
    image(tmp_path / "secret.jpg")
    text_file(tmp_path / "svt1" / "train.xml", SIGN.replace("img/14_03", "../secret"))
    with pytest.raises(DataFormatError, match=r"train\.xml, line 4: expected a path inside"):
        list(svt.read_svt(tmp_path))


boxes = st.tuples(*[st.integers(0, 900)] * 4, transcriptions.map(str.strip).filter(bool))


@settings(max_examples=30)
@given(st.lists(st.lists(boxes, max_size=3), max_size=3))
def test_what_is_written_is_read(tmp_path_factory, pages):
    root = tmp_path_factory.mktemp("svt")
    records = []
    for number, words in enumerate(pages):
        image(root / f"img/{number}.jpg")
        rectangles = "".join(
            f"<taggedRectangle x={quoteattr(str(x))} y='{y}' width='{w}' height='{h}'>"
            f"<tag>{escape(text)}</tag></taggedRectangle>"
            for x, y, w, h, text in words
        )
        name = f"<imageName>img/{number}.jpg</imageName>"
        records.append(f"<image>{name}<taggedRectangles>{rectangles}</taggedRectangles></image>")
    # Characters that XML cannot hold are not written by anybody.
    text = "".join(records).replace("\ufffe", "?").replace("\uffff", "?")
    text_file(root / "train.xml", f"<tagset>{text}</tagset>")
    found = [[plain(word) for word in sample.instances] for sample in svt.read_svt(root)]
    assert found == [
        [
            {
                "polygon": upright(x, y, x + w, y + h),
                "text": text.replace("\ufffe", "?").replace("\uffff", "?"),
                "level": "word",
            }
            for x, y, w, h, text in words
        ]
        for words in pages
    ]
