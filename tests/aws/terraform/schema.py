"""The schema of Terraform's AWS provider, from the bindings that are generated of it for another tool.

usage: schema.py BINDINGS TYPE... >schema.json     TYPE: resource.aws_vpc, data.aws_region, ephemeral.aws_kms_secrets

A type that the provider has not is left out, so that Terraform says so.
"""

import json
import re
import sys
from pathlib import Path

# How the folders of kinds begin; resources have no prefix.
PREFIXES = {"data": "data-aws-", "ephemeral": "ephemeral-aws-"}
PRIMITIVES = {"string": "string", "number": "number", "boolean": "bool"}
GETTERS = {
    "String": "string",
    "Number": "number",
    "Boolean": "bool",
    "List": ["list", "string"],
    "NumberList": ["list", "number"],
    "StringMap": ["map", "string"],
    "NumberMap": ["map", "number"],
    "BooleanMap": ["map", "bool"],
}
# An entry of what a class or struct becomes in HCL.
ENTRY = re.compile(
    r'^\s+(\w+): \{\s*\n\s*value: .*?\n\s*isBlock: (true|false),\n\s*type: "(\w+)",\n\s*storageClassType: "(\w+)"',
    re.M | re.S,
)
STRUCT = re.compile(r"^function (\w+)ToHclTerraform\(struct\) \{(.*?)^\}", re.M | re.S)
CLASS = re.compile(r"^class (\w+) extends (.*?)^\}", re.M | re.S)
FLAGS = re.compile(r"// (\w+) - computed: (true|false), optional: (true|false), required: (true|false)\n(.*?)\n    \}", re.S)
GETTER = re.compile(r"this\.get(\w+?)Attribute\('(\w+)'\)")
INTERFACE = re.compile(r"export interface (\w+)[^{]*\{\n(.*?)\n\}", re.S)
MEMBER = re.compile(r"\{@link \S+ \w+#(\w+)\}(?:(?!\*/).)*?\*/\n\s+readonly (\w+)\??: ([^;]+);", re.S)


def entries(text):
    """Name to (is a block, kind of collection, type), of what can be configured."""
    return {name: (block == "true", kind, stored) for name, block, kind, stored in ENTRY.findall(text)}


def flags(text):
    """Name to (computed, optional, required, type by its getter or None)."""
    found = {}
    for name, computed, optional, required, rest in FLAGS.findall(text):
        getter = GETTER.search(rest)
        kind = GETTERS.get(getter[1]) if getter else None
        found[name] = (computed == "true", optional == "true", required == "true", kind)
    return found


def attribute_type(kind, stored):
    """As Terraform writes types in JSON."""
    if kind == "simple" and stored in PRIMITIVES:
        return PRIMITIVES[stored]
    match = re.fullmatch(r"(string|number|boolean)(List|Map|ListList)", stored)
    if not match:
        return "dynamic"
    element = PRIMITIVES[match[1]]
    if match[2] == "ListList":
        element = ["list", element]
    return [kind if kind in ("list", "set", "map") else "list", element]


class Bindings:
    """The bindings of one type."""

    def __init__(self, folder):
        script, declarations = (folder / "index.js").read_text(), (folder / "index.d.ts").read_text()
        self.structs = {name: entries(body) for name, body in STRUCT.findall(script)}
        self.classes = dict(CLASS.findall(script))
        self.members = {
            name: {member: type_ for member, _, type_ in MEMBER.findall(body)} for name, body in INTERFACE.findall(declarations)
        }
        self.main = next(name for name, body in self.classes.items() if "static tfResourceType" in body)

    def schema(self):
        body = self.classes[self.main]
        configured = entries(body.rsplit("synthesizeHclAttributes() {", 1)[-1])
        return self.block(configured, self.main + "Config", flags(body))

    def block(self, configured, interface, known, depth=0):
        made = {"attributes": {}, "blocks": {}}
        for name, (is_block, kind, stored) in configured.items():
            computed, optional, required, _ = known.get(name, (False, True, False, None))
            base = re.sub(r"(List|Map|OutputReference)$", "", stored)
            struct = base[0].lower() + base[1:]
            if is_block and struct in self.structs and depth < 12:
                several = "[]" in self.members.get(interface, {}).get(name, "")
                single = kind == "struct"
                inner = flags(self.classes.get(base + "OutputReference", ""))
                made["blocks"][name] = {
                    "nesting": "single" if single else kind if kind in ("list", "set") else "list",
                    "block": self.block(self.structs[struct], base, inner, depth + 1),
                    "min": 1 if required and not single else 0,
                    "max": 0 if several or single else 1,
                }
            else:
                type_ = "dynamic" if is_block else attribute_type(kind, stored)
                made["attributes"][name] = attribute(name, type_, computed, optional, required)
        for name, (computed, optional, required, kind) in known.items():
            if name in made["attributes"] or name in made["blocks"] or not computed or optional:
                continue
            # Inside of sets nothing may be of any type, so structures that are computed are known at the top only.
            if kind is not None or depth == 0:
                made["attributes"][name] = attribute(name, kind or "dynamic", True, False, False)
        return made


def attribute(name, type_, computed, optional, required):
    write_only = name.endswith("_wo") and not name.startswith("has_")
    named = {"computed": computed, "optional": optional, "required": required, "write_only": write_only}
    return {"type": type_, **{flag: True for flag, value in named.items() if value}}


def folders(library, kind, names):
    """Folder and name of those types that there are."""
    others = tuple(prefix for other, prefix in PREFIXES.items() if other != kind)
    for folder in sorted(library.iterdir()):
        prefix = PREFIXES.get(kind, "")
        if not (folder / "index.js").exists() or not folder.name.startswith(prefix) or folder.name.startswith(others):
            continue
        named = re.search(r'static tfResourceType = "(\w+)"', (folder / "index.js").read_text())
        if named and named[1] in names:
            yield folder, named[1]


def main(library, wanted):
    schema = {"resource": {}, "data": {}, "ephemeral": {}}
    for kind, made in schema.items():
        names = {type_.split(".")[1] for type_ in wanted if type_.startswith(kind + ".")}
        for folder, name in folders(Path(library), kind, names) if names else []:
            made[name] = Bindings(folder).schema()
    json.dump(schema, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
