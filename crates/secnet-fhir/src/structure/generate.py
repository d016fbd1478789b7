"""Makes r4.txt, the table of all FHIR R4 types and their elements, from the definitions of HL7. README.md says how.

    python3 generate.py profiles-types.json profiles-resources.json > r4.txt
"""

import json
import sys

VERSION = "4.0.1"
# Plain strings of JSON, without the sibling that carries a primitive's extensions: attributes, in XML.
SYSTEM_STRING = "http://hl7.org/fhirpath/System.String"
FHIR_TYPE = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"
# The definitions of 4.0.1 call it a string; the specification's page and its JSON schema say id, as do later versions.
CORRECTED = {"Resource.id": "id"}

HEADER = f"""\
# The types of FHIR R4 ({VERSION}) and their elements, made by generate.py from the definitions of HL7: see README.md.
#
#   KIND NAME [: BASE]            a type; it has the elements of its base, too
#     ELEMENT MIN..MAX TYPE...    an element; more than one type where the name ends in [x]
#       ELEMENT MIN..MAX TYPE     an element of the element above
#
# A type `*` is any of the types in the line `any`, `@PATH` has the elements of the element at PATH, `=TYPE` is a
# primitive that carries no extensions."""


def types_of(element):
    """The types of an element, as the table writes them."""
    if "contentReference" in element:
        return ["@" + element["contentReference"].removeprefix("#")]
    found = []
    for kind in element["type"]:
        code = kind["code"]
        if code == SYSTEM_STRING:
            code = next(e["valueUrl"] for e in kind["extension"] if e["url"] == FHIR_TYPE)
            code = "=" + CORRECTED.get(element["base"]["path"], code)
        found.append(code)
    return found


def cardinality(element):
    return f"{element['min']}..{element['max']}"


def read(paths):
    """Every type that the definitions specify, by its name."""
    found = {}
    for path in paths:
        with open(path, encoding="utf-8") as file:
            bundle = json.load(file)
        for entry in bundle["entry"]:
            one = entry["resource"]
            is_type = one.get("kind") in ("primitive-type", "complex-type", "resource")
            if is_type and one.get("derivation") != "constraint":
                if one["fhirVersion"] != VERSION:
                    sys.exit(f"{one['type']} is of FHIR {one['fhirVersion']}, not {VERSION}")
                found[one["type"]] = one
    return found


def lines_of(definition, everything, any_type):
    """The lines of one type: what its base has not."""
    name = definition["type"]
    base = definition.get("baseDefinition", "").rpartition("/")[2]
    kind = definition["kind"].removesuffix("-type")
    if definition["abstract"]:
        kind = "abstract"
    yield f"{kind} {name} : {base}" if base else f"{kind} {name}"
    if kind == "primitive":
        return
    for element in definition["snapshot"]["element"][1:]:
        path = element["path"]
        origin = element["base"]["path"]
        if origin.partition(".")[0] != name:
            inherited(element, origin, everything)
            continue
        kinds = types_of(element)
        if kinds == any_type:
            kinds = ["*"]
        levels = path.split(".")
        yield f"{'  ' * (len(levels) - 1)}{levels[-1]} {cardinality(element)} {' '.join(kinds)}"


def inherited(element, origin, everything):
    """An element of the base is left out of the table, so it has to be what it is there."""
    base = everything[origin.partition(".")[0]]["snapshot"]["element"]
    same = next(one for one in base if one["path"] == origin)
    codes = [[kind["code"] for kind in one["type"]] for one in (element, same)]
    if cardinality(element) != cardinality(same) or codes[0] != codes[1]:
        sys.exit(f"{element['path']} is not what {origin} is")


def main():
    everything = read(sys.argv[1:])
    extension = everything["Extension"]["snapshot"]["element"]
    any_type = types_of(next(e for e in extension if e["path"] == "Extension.value[x]"))
    print(HEADER)
    print("any " + " ".join(any_type))
    kinds = ["primitive-type", "complex-type", "resource"]
    order = sorted(everything.values(), key=lambda one: (kinds.index(one["kind"]), one["type"]))
    for definition in order:
        print("\n".join(lines_of(definition, everything, any_type)))


main()
