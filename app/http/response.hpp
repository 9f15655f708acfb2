// Responses as bytes, and the response to an error.
#pragma once

#include <string>

#include "app/http/message.hpp"
#include "model/errors.hpp"

namespace turnwise::http {

enum class Connection { keep, close };
enum class Body { send, leave_out }; ///< leave_out: for HEAD

/// The answer that an error stands for: problem+json, with Retry-After where trying again later makes sense.
Response problem_response(const model::Error& error);

/// Appends the response as it goes over the wire.
/// The head of a response that comes in pieces, and each of them as a chunk.
void append_head(std::string& out, const Response& response);
void append_chunk(std::string& out, std::string_view piece);
void append(std::string& out, const Response& response, Connection connection, Body body);

} // namespace turnwise::http
