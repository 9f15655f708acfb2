// make-repository: a git repository with a history to replay, made within seconds. See history_generator.hpp for what is in it.
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <stdexcept>

#include <CLI/CLI.hpp>

#include "examples/git-history/child_process.hpp"
#include "examples/git-history/history_generator.hpp"

namespace {

using namespace turnwise::git_history;

void expect_success(ChildProcess& process, const char* what) {
  if (!process.wait_for(std::chrono::minutes{10}) || process.status() != 0) {
    throw std::runtime_error{std::string{what} + " failed"};
  }
}

void make_repository(const std::string& folder, const HistorySettings& settings) {
  if (std::filesystem::exists(folder) && !std::filesystem::is_empty(folder)) {
    throw std::runtime_error{folder + " is not empty"};
  }
  ChildProcess init{{{"git", "init", "--quiet", "--bare", "--initial-branch=main", folder}}};
  expect_success(init, "git init");

  auto pipe = Pipe::make();
  ChildProcess import{{{"git", "-C", folder, "fast-import", "--quiet", "--force"}, pipe.read.get()}};
  pipe.read.close();
  HistoryGenerator generator{settings};
  while (!generator.done()) {
    const auto text = generator.next();
    write_all(pipe.write.get(), text.data(), text.size());
  }
  pipe.write.close();
  expect_success(import, "git fast-import");
  std::printf("%s: %llu changes\n", folder.c_str(), static_cast<unsigned long long>(generator.changes()));
}

} // namespace

int main(int argc, char** argv) {
  std::string folder;
  HistorySettings settings;
  CLI::App app{"Makes a git repository with a long history of unusual files, deterministic by its seed."};
  app.add_option("FOLDER", folder, "a new or empty folder")->required();
  app.add_option("--changes", settings.changes, "changed files along first parents, at least")->capture_default_str();
  app.add_option("--commits", settings.commits)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--paths", settings.paths, "different paths, about")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--seed", settings.seed)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  std::signal(SIGPIPE, SIG_IGN);
  try {
    make_repository(folder, settings);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "make-repository: %s\n", error.what());
    return 1;
  }
}
