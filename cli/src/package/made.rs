//! Small programs and libraries for tests, of any processor.

use object::Endianness;
use object::build::elf::{Builder, Dynamic, SectionData, SectionId, VersionData, VersionDef, VersionNeed};
use object::elf;

/// What is made: no code runs in it, but all that is read is there.
#[derive(Clone, Default)]
pub struct Made {
    pub machine: elf::Machine,
    pub interpreter: Option<&'static str>,
    pub needed: Vec<&'static str>,
    /// Library, version, symbol; no symbol for the empty text.
    pub required: Vec<(&'static str, &'static str, &'static str)>,
    pub provided: Vec<&'static str>,
    /// Not loaded.
    pub debug: Vec<u8>,
}

impl Made {
    /// A program that needs a C library with `version`.
    pub fn program(machine: elf::Machine, interpreter: &'static str, version: &'static str) -> Self {
        Self {
            machine,
            interpreter: Some(interpreter),
            needed: vec!["libc.so.6"],
            required: vec![("libc.so.6", version, "dlopen")],
            debug: b"src/main.rs:1".repeat(1_000),
            ..Self::default()
        }
    }

    /// A library without needs.
    pub fn library(machine: elf::Machine, provided: &[&'static str]) -> Self {
        Self { machine, provided: provided.to_vec(), ..Self::default() }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut builder = Builder::new(Endianness::Little, true);
        builder.load_align = 0x1000;
        builder.header.e_type = elf::ET_DYN;
        builder.header.e_machine = self.machine;
        builder.header.e_phoff = 64;

        if let Some(path) = self.interpreter {
            let mut bytes = path.as_bytes().to_vec();
            bytes.push(0);
            add(&mut builder, ".interp", elf::SHT_PROGBITS, SectionData::Data(bytes.into()));
        }
        add(&mut builder, ".text", elf::SHT_PROGBITS, SectionData::Data(vec![0xcc; 100].into()));
        let strings = add(&mut builder, ".dynstr", elf::SHT_STRTAB, SectionData::DynamicString);
        let symbols = add(&mut builder, ".dynsym", elf::SHT_DYNSYM, SectionData::DynamicSymbol);
        builder.sections.get_mut(symbols).sh_link_section = Some(strings);
        self.add_versions(&mut builder, strings, symbols);
        let dynamics = self
            .needed
            .iter()
            .map(|name| Dynamic::String { tag: elf::DT_NEEDED, val: name.as_bytes().into() })
            .chain([elf::DT_STRTAB, elf::DT_SYMTAB, elf::DT_STRSZ].map(|tag| Dynamic::Auto { tag }))
            .collect();
        let dynamic = add(&mut builder, ".dynamic", elf::SHT_DYNAMIC, SectionData::Dynamic(dynamics));
        builder.sections.get_mut(dynamic).sh_link_section = Some(strings);
        self.add_segments(&mut builder);

        for (name, kind, data) in [
            (".debug_line", elf::SHT_PROGBITS, SectionData::Data(self.debug.clone().into())),
            (".symtab", elf::SHT_SYMTAB, SectionData::Symbol),
            (".strtab", elf::SHT_STRTAB, SectionData::String),
            (".shstrtab", elf::SHT_STRTAB, SectionData::SectionString),
        ] {
            let id = add(&mut builder, name, kind, data);
            builder.sections.get_mut(id).sh_flags = elf::SectionFlags(0);
        }
        builder.symbols.add().name = b"main".as_slice().into();
        let mut bytes = Vec::new();
        builder.write(&mut bytes).expect("a file of ours is in order");
        bytes
    }

    fn add_versions<'a>(&'a self, builder: &mut Builder<'a>, strings: SectionId, symbols: SectionId) {
        let mut files: Vec<(&str, _)> = Vec::new();
        for &(file, version, symbol) in &self.required {
            let known = files.iter().find(|(name, _)| *name == file).map(|(_, id)| *id);
            let file_id = known.unwrap_or_else(|| {
                let id = builder.version_files.add(file.as_bytes().into());
                files.push((file, id));
                id
            });
            let need = VersionNeed { file: file_id, name: version.as_bytes().into(), flags: elf::VersionFlags(0) };
            let id = builder.versions.add(VersionData::Need(need));
            if !symbol.is_empty() {
                let added = builder.dynamic_symbols.add();
                added.name = symbol.as_bytes().into();
                added.version = id;
            }
        }
        for version in &self.provided {
            let names = vec![version.as_bytes().into()];
            let id = builder.versions.add(VersionData::Def(VersionDef { names, flags: elf::VersionFlags(0) }));
            // A version without symbols is not written.
            let added = builder.dynamic_symbols.add();
            added.name = version.as_bytes().into();
            added.st_shndx = elf::SHN_ABS;
            added.version = id;
        }
        if !self.provided.is_empty() {
            builder.version_base = Some(b"base".as_slice().into());
            let id = add(builder, ".gnu.version_d", elf::SHT_GNU_VERDEF, SectionData::GnuVerdef);
            builder.sections.get_mut(id).sh_link_section = Some(strings);
        }
        if !self.required.is_empty() {
            let id = add(builder, ".gnu.version_r", elf::SHT_GNU_VERNEED, SectionData::GnuVerneed);
            builder.sections.get_mut(id).sh_link_section = Some(strings);
            let id = add(builder, ".gnu.version", elf::SHT_GNU_VERSYM, SectionData::GnuVersym);
            builder.sections.get_mut(id).sh_link_section = Some(symbols);
        }
    }

    /// One segment with all that is loaded, and those that point into it.
    fn add_segments(&self, builder: &mut Builder<'_>) {
        let loaded: Vec<_> = builder.sections.iter().map(|section| section.id()).collect();
        builder.set_section_sizes();
        let headers = 64 + 56 * (2 + u64::from(self.interpreter.is_some()));
        let load = builder.segments.add();
        load.p_type = elf::PT_LOAD;
        load.p_flags = elf::PF_R | elf::PF_X;
        load.p_align = 0x1000;
        (load.p_filesz, load.p_memsz) = (headers, headers);
        for id in loaded {
            load.append_section(builder.sections.get_mut(id));
        }
        for (name, kind) in [(".interp", elf::PT_INTERP), (".dynamic", elf::PT_DYNAMIC)] {
            let found = builder.sections.iter().find(|section| &section.name[..] == name.as_bytes());
            if let Some(section) = found {
                let segment = builder.segments.add();
                segment.p_type = kind;
                segment.p_flags = elf::PF_R;
                segment.p_align = 8;
                segment.append_section_range(section);
                segment.sections.push(section.id());
            }
        }
    }
}

fn add<'a>(builder: &mut Builder<'a>, name: &'static str, kind: elf::SectionType, data: SectionData<'a>) -> SectionId {
    let section = builder.sections.add();
    section.name = name.as_bytes().into();
    section.sh_type = kind;
    section.sh_flags = elf::SHF_ALLOC;
    section.sh_addralign = 8;
    section.data = data;
    section.id()
}
