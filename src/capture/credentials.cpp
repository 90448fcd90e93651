#include "capture/credentials.h"

#include <grp.h>
#include <pwd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "base/text.h"

namespace ft::capture {

namespace {

struct Account {
  std::string name;
  uid_t uid;
  gid_t gid;
};

template <typename Lookup>
std::optional<Account> look_up(Lookup lookup) {
  std::array<char, 16384> buffer;
  passwd entry{};
  passwd* found = nullptr;
  if (lookup(&entry, buffer.data(), buffer.size(), &found) != 0 || !found) return std::nullopt;
  return Account{entry.pw_name, entry.pw_uid, entry.pw_gid};
}

std::optional<Account> account_named(const std::string& name) {
  return look_up([&](passwd* entry, char* buffer, std::size_t size, passwd** found) {
    return ::getpwnam_r(name.c_str(), entry, buffer, size, found);
  });
}

std::optional<Account> account_of(uid_t uid) {
  return look_up([&](passwd* entry, char* buffer, std::size_t size, passwd** found) {
    return ::getpwuid_r(uid, entry, buffer, size, found);
  });
}

std::vector<gid_t> groups_of(const std::string& name, gid_t gid) {
  std::vector<gid_t> groups(64);
  int count = static_cast<int>(groups.size());
  while (::getgrouplist(name.c_str(), gid, groups.data(), &count) < 0) {
    groups.resize(static_cast<std::size_t>(count));
  }
  groups.resize(static_cast<std::size_t>(count));
  return groups;
}

template <typename Id>
std::optional<Id> id_from_environment(const char* variable) {
  const char* text = ::getenv(variable);
  return text ? parse_integer<Id>(text) : std::nullopt;
}

// Who called sudo, where that is what we run under. An account that has vanished since still names
// a uid and a gid; it has no other groups.
std::optional<Credentials> sudo_caller() {
  if (::geteuid() != 0) return std::nullopt;
  const auto uid = id_from_environment<uid_t>("SUDO_UID");
  const auto gid = id_from_environment<gid_t>("SUDO_GID");
  if (!uid || !gid || *uid == 0) return std::nullopt;
  const std::optional<Account> account = account_of(*uid);
  if (!account) return Credentials{*uid, *gid, {*gid}};
  return Credentials{*uid, *gid, groups_of(account->name, *gid)};
}

}  // namespace

int Credentials::apply() const {
  // Plain system calls: glibc's wrappers would try to change the threads the child does not have.
  if (::syscall(SYS_setgroups, groups.size(), groups.data()) != 0) return errno;
  if (::syscall(SYS_setresgid, gid, gid, gid) != 0) return errno;
  if (::syscall(SYS_setresuid, uid, uid, uid) != 0) return errno;
  return 0;
}

Result<std::optional<Credentials>> target_credentials(const std::string& user) {
  if (user.empty()) return sudo_caller();
  std::optional<Account> account = account_named(user);
  if (!account) {
    if (const auto uid = parse_integer<uid_t>(user)) account = account_of(*uid);
  }
  if (!account) return fail("user " + user, "no such user");
  if (::geteuid() != 0) {
    if (account->uid == ::geteuid()) return std::nullopt;
    return fail("user " + user, "only root may run the target as another user", "use sudo");
  }
  return Credentials{account->uid, account->gid, groups_of(account->name, account->gid)};
}

}  // namespace ft::capture
