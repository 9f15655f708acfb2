// git-history: reading changes, the store with fencing tokens, and the comparison at the end.
#include <algorithm>
#include <atomic>
#include <csignal>
#include <fstream>
#include <map>
#include <string>
#include <thread>

#include <catch2/catch_test_macros.hpp>

#include "examples/git-history/child_process.hpp"
#include "examples/git-history/digest.hpp"
#include "examples/git-history/flat_store.hpp"
#include "examples/git-history/git.hpp"
#include "examples/git-history/history_generator.hpp"
#include "examples/git-history/tree_check.hpp"
#include "tests/support/temporary_folder.hpp"

namespace turnwise::git_history {

using tests::TemporaryFolder;

namespace {

const std::string blob_a = blob_id("a\n", std::string(40, '0'));
const std::string blob_b = blob_id("b\n", std::string(40, '0'));
const std::string none(40, '0');

Change change(std::uint64_t number, Version before, Version after, std::string path = "file") {
  return {std::string(40, 'c'), number, std::move(path), std::move(before), std::move(after)};
}
Version file(const std::string& blob) {
  return {"100644", blob};
}

std::vector<Change> parse(const std::string& text, std::size_t piece) {
  std::vector<Change> changes;
  RawDiffParser parser{[&](Change&& one) { changes.push_back(std::move(one)); }};
  for (std::size_t at = 0; at < text.size(); at += piece) {
    parser.feed(std::string_view{text}.substr(at, piece));
  }
  parser.finish();
  return changes;
}

/// A repository with a made-up history.
std::string make_repository(const TemporaryFolder& folder, const HistorySettings& settings) {
  const auto path = (folder / "repository").string();
  ChildProcess init{{{"git", "init", "--quiet", "--bare", "--initial-branch=main", path}}};
  REQUIRE(init.wait_for(std::chrono::seconds{20}));
  auto pipe = Pipe::make();
  ChildProcess import{{{"git", "-C", path, "fast-import", "--quiet", "--force"}, pipe.read.get()}};
  pipe.read.close();
  for (HistoryGenerator generator{settings}; !generator.done();) {
    const auto text = generator.next();
    write_all(pipe.write.get(), text.data(), text.size());
  }
  pipe.write.close();
  REQUIRE(import.wait_for(std::chrono::seconds{60}));
  REQUIRE(import.status() == 0);
  return path;
}

} // namespace

TEST_CASE("blob ids are those of git") {
  CHECK(blob_id("", none) == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
  CHECK(blob_id("a\n", none) == "78981922613b2afb6025042ff6bd878ac1994e85");
  CHECK(blob_id("", std::string(64, '0')) == "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813");
}

TEST_CASE("base64 goes there and back") {
  for (const std::string& bytes :
       {std::string{}, std::string{"a"}, std::string{"ab"}, std::string{"abc"}, std::string{"\0\xff\n", 3}}) {
    CHECK(from_base64(base64(bytes)) == bytes);
  }
  CHECK(base64("ab") == "YWI=");
  CHECK_FALSE(from_base64("not base64!"));
}

TEST_CASE("paths are shown so that a person can read and repeat them") {
  CHECK(quoted_path("plain/ä 1") == "plain/ä 1");
  CHECK(quoted_path("line\nbreak") == "\"line\\012break\"");
  CHECK(quoted_path("a\"b\\") == "\"a\\\"b\\\\\"");
  CHECK(quoted_path("\xe9") == "\"\\351\"");
}

TEST_CASE("changes are read from git's output, whatever its pieces are") {
  const std::string commit(40, 'd');
  std::string text =
      commit + '\0' + ":100644 100755 " + blob_a + " " + blob_b + " M" + '\0' + ":odd\n\"path\" " + commit + '\0';
  text += ":100644 000000 " + blob_b + " " + none + " D" + '\0' + "gone" + '\0';
  for (const std::size_t piece : {1U, 2U, 7U, 64U, 4'096U}) {
    const auto changes = parse(text, piece);
    REQUIRE(changes.size() == 2);
    CHECK(changes[0].path == ":odd\n\"path\" " + commit);
    CHECK(changes[0].commit == commit);
    CHECK(changes[0].before == Version{"100644", blob_a});
    CHECK(changes[0].after == Version{"100755", blob_b});
    CHECK(changes[1].number == 2);
    CHECK(changes[1].after.absent());
  }
  CHECK_THROWS(parse(text + ":100644 100644", 10));
  CHECK_THROWS(parse("nonsense" + std::string(1, '\0'), 10));
}

TEST_CASE("a path is its own subject where that is allowed, else its hash") {
  CHECK(subject_of("src/a b \"ä\".c") == "path:src/a b \"ä\".c");
  CHECK(subject_of(std::string(250, 'x')).size() == 255);
  CHECK(subject_of(std::string(251, 'x')) == "path:sha256:" + sha256_hex(std::string(251, 'x')));
  CHECK(subject_of("a\nb") == "path:sha256:" + sha256_hex("a\nb"));
  CHECK(subject_of("\xe9") == "path:sha256:" + sha256_hex("\xe9"));
  CHECK(subject_of("sha256:x") == "path:sha256:" + sha256_hex("sha256:x")); // or it could stand for another path
}

TEST_CASE("a payload carries any path") {
  for (const std::string& path : {std::string{"plain"}, std::string{"tab\tand \"quote\""}, std::string{"\xe9\xe8"}}) {
    const auto payload = decode_payload(encode_payload(change(7, file(blob_a), {}, path), "run-1"));
    REQUIRE(payload);
    CHECK(payload->run == "run-1");
    CHECK(payload->change.path == path);
    CHECK(payload->change.number == 7);
    CHECK(payload->change.before == file(blob_a));
    CHECK(payload->change.after.absent());
  }
  CHECK_FALSE(decode_payload("{}"));
  CHECK_FALSE(decode_payload("nonsense"));
}

TEST_CASE("what is stored is read back, with any bytes in it") {
  const Stored stored{17, 3, {"120000", blob_a}, "path\nwith \xe9", std::string{"\0\n\xff", 3}};
  const auto read = decode_stored(encode_stored(stored));
  CHECK(read.token == 17);
  CHECK(read.number == 3);
  CHECK(read.version == stored.version);
  CHECK(read.path == stored.path);
  CHECK(read.content == stored.content);
  CHECK_THROWS(decode_stored("something else"));
  CHECK_THROWS(decode_stored(encode_stored(stored).substr(0, 20)));
}

TEST_CASE("a change is applied only to the version that it begins with") {
  const Stored stored{10, 5, file(blob_a), "file", "a\n"};
  CHECK(judge(stored, change(6, file(blob_a), file(blob_b)), 11).verdict == Verdict::applied);
  CHECK(judge(stored, change(6, file(blob_b), file(blob_a)), 11).verdict == Verdict::refused);
  CHECK(judge(stored, change(6, {}, file(blob_b)), 11).verdict == Verdict::refused);
  CHECK(judge(stored, change(6, {"100755", blob_a}, file(blob_b)), 11).verdict == Verdict::refused);
  CHECK(judge({}, change(6, {}, file(blob_b)), 11).verdict == Verdict::applied);
  Stored damaged = stored;
  damaged.content = "x\n";
  CHECK(judge(damaged, change(6, file(blob_a), file(blob_b)), 11).verdict == Verdict::refused);
}

TEST_CASE("a change that comes too late is noticed, though the contents would fit") {
  const Stored stored{10, 5, file(blob_a), "file", "a\n"};
  CHECK(judge(stored, change(3, file(blob_a), file(blob_b)), 11).verdict == Verdict::refused);
}

TEST_CASE("a repeated attempt finds its work done, an old one is kept out by its token") {
  const Stored stored{10, 5, file(blob_b), "file", "b\n"};
  CHECK(judge(stored, change(5, file(blob_a), file(blob_b)), 11).verdict == Verdict::repeated);
  CHECK(judge(stored, change(5, file(blob_a), file(blob_b)), 10).verdict == Verdict::repeated);
  CHECK(judge(stored, change(5, file(blob_a), file(blob_a)), 11).verdict == Verdict::refused);
  CHECK(judge(stored, change(4, file(blob_a), file(blob_b)), 9).verdict == Verdict::superseded);
  CHECK(judge(stored, change(6, file(blob_b), file(blob_a)), 10).verdict == Verdict::superseded);
}

TEST_CASE("of many attempts at once one applies the change, and the others find it done") {
  const TemporaryFolder folder;
  FlatStore store{folder / "store"};
  std::atomic<int> applied{}, repeated{};
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t token = 1; token <= 8; ++token) {
      threads.emplace_back([&, token] {
        const auto verdict = store.apply(change(1, {}, file(blob_a)), token, "a\n").verdict;
        applied += verdict == Verdict::applied ? 1 : 0;
        repeated += verdict == Verdict::repeated ? 1 : 0;
      });
    }
  }
  CHECK(applied == 1);
  CHECK(repeated == 7);
}

TEST_CASE("the changes of a history, one after the other, end at the tree of its last commit") {
  std::signal(SIGPIPE, SIG_IGN);
  const TemporaryFolder folder;
  for (const std::uint64_t seed : {1U, 2U}) {
    INFO("seed " << seed);
    const TemporaryFolder place;
    const auto repository = make_repository(place, {3'000, 60, 600, seed});
    const auto head = resolve_commit(repository, "HEAD");
    std::map<std::string, Version> tree;
    std::uint64_t count{};
    read_history(repository, head, [&](Change&& one) {
      CHECK(one.number == ++count);
      CHECK(tree[one.path] == one.before);
      tree[one.path] = one.after;
      return true;
    });
    CHECK(count >= 2'500);
    std::erase_if(tree, [](const auto& entry) { return entry.second.absent(); });
    const auto entries = list_tree(repository, head);
    REQUIRE(entries.size() == tree.size());
    for (const auto& entry : entries) {
      CHECK(tree[entry.path] == entry.version);
    }
  }
}

TEST_CASE("the store written out equals the commit, and every difference is found") {
  std::signal(SIGPIPE, SIG_IGN);
  const TemporaryFolder folder;
  const auto repository = make_repository(folder, {1'500, 30, 300, 3});
  const auto head = resolve_commit(repository, "HEAD");
  FlatStore store{folder / "store"};
  BlobReader blobs{repository};
  LastChanges last;
  read_history(repository, head, [&](Change&& one) {
    const auto content = one.after.has_content() ? blobs.read(one.after.object) : std::string{};
    REQUIRE(content);
    CHECK(store.apply(one, one.number, *content).verdict == Verdict::applied);
    last[one.path] = one.number;
    return true;
  });
  CHECK(write_tree(store, last, folder / "tree").empty());
  const auto same = compare_tree(folder / "tree", repository, head);
  CHECK(same.differences.empty());
  CHECK(same.files > 100);

  const auto entries = list_tree(repository, head);
  const auto plain = std::ranges::find_if(entries, [](const auto& entry) { return entry.version.mode == "100644"; });
  std::ofstream{folder / ("tree/" + plain->path), std::ios::app} << "x";
  std::ofstream{folder / "tree/one too many"} << "x";
  CHECK(compare_tree(folder / "tree", repository, head).differences.size() == 2);

  last["never seen"] = 1;
  CHECK(write_tree(store, last, folder / "again").size() == 1);
}

TEST_CASE("a path that leads out of the folder is not followed") {
  const TemporaryFolder folder;
  FlatStore store{folder / "store"};
  store.apply(change(1, {}, file(blob_a), "../outside"), 1, "a\n");
  CHECK(write_tree(store, {{"../outside", 1}}, folder / "tree").size() == 1);
  CHECK_FALSE(std::filesystem::exists(folder / "outside"));
}

TEST_CASE("blobs that do not exist are missing, and the reader goes on") {
  std::signal(SIGPIPE, SIG_IGN);
  const TemporaryFolder folder;
  const auto repository = make_repository(folder, {50, 2, 40, 4});
  BlobReader blobs{repository};
  CHECK_FALSE(blobs.read(std::string(40, '1')));
  const auto entries = list_tree(repository, resolve_commit(repository, "HEAD"));
  const auto plain = std::ranges::find_if(entries, [](const auto& entry) { return entry.version.mode == "100644"; });
  REQUIRE(plain != entries.end());
  CHECK(blob_id(*blobs.read(plain->version.object), none) == plain->version.object);
}

TEST_CASE("a child process is ended by its owner") {
  ChildProcess sleeper{{{"sleep", "1000"}}};
  CHECK(sleeper.running());
  CHECK_FALSE(sleeper.wait_for(std::chrono::milliseconds{1}));
  sleeper.kill_now();
  CHECK(sleeper.status() == 128 + SIGKILL);
  ChildProcess none_such{{{"/no/such/program"}}};
  CHECK(none_such.wait_for(std::chrono::seconds{20}));
  CHECK(none_such.status() == 127);
}

} // namespace turnwise::git_history
