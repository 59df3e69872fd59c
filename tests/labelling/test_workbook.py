from __future__ import annotations

import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from blender.errors import BadInput, MissingPackage
from blender.labelling.sheets.workbook import load_openpyxl, read_book


def test_a_workbook_that_defines_entities_is_refused(tmp_path: Path) -> None:
    load_openpyxl().Workbook().save(tmp_path / "good.xlsx")
    with zipfile.ZipFile(tmp_path / "good.xlsx") as good, zipfile.ZipFile(tmp_path / "bad.xlsx", "w") as bad:
        for name in good.namelist():
            text = good.read(name).decode()
            if name == "[Content_Types].xml":
                text = f'<!DOCTYPE Types [<!ENTITY ha "haha">]>{text}'
            bad.writestr(name, text)
    assert read_book(tmp_path / "good.xlsx", ()) == []
    with pytest.raises(BadInput, match="is no XLSX file that can be read"):
        read_book(tmp_path / "bad.xlsx", ())


def test_the_parser_that_refuses_them_comes_with_the_extra_and_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).resolve().parents[2]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "defusedxml" in project["optional-dependencies"]["label"]
    assert "\ndefusedxml==" in (root / "constraints.txt").read_text(encoding="utf-8")
    monkeypatch.setitem(sys.modules, "defusedxml", None)
    with pytest.raises(MissingPackage, match=r"need openpyxl and defusedxml.*response-blender\[label\]"):
        load_openpyxl()
