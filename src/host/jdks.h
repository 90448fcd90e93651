// The JDKs installed on this host, and what their libjvm.so offers to a recording: symbols (which
// part of the JVM called) and static probes (phases of its start).
#pragma once

#include <string>
#include <vector>

#include "host/host_files.h"

namespace ft::host {

struct LibraryNotes {
  bool has_symtab = false;         // names of the functions inside, not only of the exported ones
  bool has_debuglink = false;      // they may be in a separate file
  bool has_static_probes = false;  // .note.stapsdt
};

// Looks at the section table of an ELF file only. Fails where it is none.
Result<LibraryNotes> read_library_notes(const std::string& path);

struct Jdk {
  std::string home;
  std::string version;  // "17.0.15"; empty where its release file does not say
  std::string vendor;   // "Debian"; empty likewise
  std::string libjvm;   // the server VM
  LibraryNotes notes;
};

// Where to look besides /usr/lib/jvm: $JAVA_HOME and the `java` of each folder in $PATH.
struct JdkHints {
  std::string java_home;
  std::string path;

  static JdkHints from_environment();
};

// Each JDK once, by its real path, sorted by it. 64 at most.
std::vector<Jdk> find_jdks(const HostFiles& files, const JdkHints& hints);

}  // namespace ft::host
