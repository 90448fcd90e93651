// probe_floor OBJECT COMMAND ARG...: runs the command while the programs of a BPF object file,
// which do nothing (probe_floor.bpf.c), are attached to the tracepoints that the recorder watches.
//
// What recording with BPF cannot be cheaper than on this machine: the price of getting into and out
// of a probe, before it looks at anything. Exits with the command's status, 125 if it could not be
// run.
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int fail(const char* what) {
  fprintf(stderr, "probe_floor: %s: %s\n", what, strerror(errno));
  return 125;
}

int main(int argc, char** argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: probe_floor OBJECT COMMAND ARG...\n");
    return 2;
  }
  struct bpf_object* object = bpf_object__open(argv[1]);
  if (!object || bpf_object__load(object) != 0) return fail(argv[1]);
  struct bpf_program* program;
  bpf_object__for_each_program(program, object) {
    if (!bpf_program__attach(program)) return fail(bpf_program__name(program));
  }
  const pid_t child = fork();
  if (child < 0) return fail("fork");
  if (child == 0) {
    execvp(argv[2], argv + 2);
    _exit(fail(argv[2]));
  }
  int status = 0;
  if (waitpid(child, &status, 0) < 0) return fail("wait");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
