"""Items made from the elements of Ed-Fi interchange XML.

XML nests what the API lists flat: names, birth data, references. It says each entry of a list by an element
of its own, and leaves ``Descriptor`` out of names.
"""

from xml.etree.ElementTree import Element

from mpi.intake.edfi import resources
from mpi.intake.edfi.items import Item

_FLAT = frozenset({"Name", "BirthData"})
"""Elements whose children belong to the item itself."""

_LISTS = {
    "Address": "addresses",
    "ElectronicMail": "electronicMails",
    "OtherName": "otherNames",
    "Period": "periods",
    "StudentCharacteristic": "studentCharacteristics",
    "StudentIdentificationCode": "studentIdentificationCodes",
    "Telephone": "telephones",
}
_DESCRIPTORS = frozenset({
    "AddressType", "BirthCountry", "BirthSex", "BirthStateAbbreviation", "EntryGradeLevel",
    "LimitedEnglishProficiency", "OtherNameType", "Relation", "Sex", "SourceSystem", "StateAbbreviation",
    "StudentCharacteristic", "StudentIdentificationSystem",
})  # fmt: skip

_RESOURCE_OF_TAG = {
    **{f"{name[0].upper()}{name[1:-1]}": name for name in resources.RESOURCES - {"studentDirectories"}},
    "StudentDirectory": "studentDirectories",
}


def find_resource(element: Element) -> str | None:
    """Return the API's name of an element's resource, if read."""
    return _RESOURCE_OF_TAG.get(element.tag)


def make_item(element: Element) -> Item:
    """Return the item of an interchange XML element."""
    item: dict[str, object] = dict(element.attrib)
    _fill(item, element)
    return item


def _fill(item: dict[str, object], element: Element) -> None:
    """Add the children of an element to an item.

    The first of several with one name counts.
    """
    for child in element:
        tag = child.tag
        if tag in _FLAT or tag.endswith("Identity"):
            _fill(item, child)
        elif not len(child) and child.text and child.text.strip():
            item.setdefault(_to_property(f"{tag}Descriptor" if tag in _DESCRIPTORS else tag), child.text)
        elif tag in _LISTS:
            entries = item.setdefault(_LISTS[tag], [])
            if isinstance(entries, list):
                entries.append(make_item(child))
        else:
            item.setdefault(_to_property(tag), make_item(child))


def _to_property(tag: str) -> str:
    """Return the API's name of a property: ``studentUniqueId`` of ``StudentUniqueId``."""
    return tag[:1].lower() + tag[1:]
