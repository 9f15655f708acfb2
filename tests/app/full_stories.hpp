// Answers of the engine with every member that they may have, so that a document made of them is as large as it can be.
#pragma once

#include "fake_engine.hpp"

namespace turnwise::test {

inline constexpr auto noon = FakeEngine::noon;

/// A job with everything that a job may have; `now` says why it waits.
model::Response story(model::JobState state, std::optional<model::JobView> now);
model::JobView waiting(model::WaitReason reason);
/// A kind with everything that a kind may have.
model::Kind kind_story();
model::SubjectView subject_story();
/// A page with what a list may have, and another one after it.
model::Response list_page(const model::ListFilter& filter);

} // namespace turnwise::test
