#include "app/api/push_body.hpp"

#include "app/api/time_text.hpp"
#include "app/push/signature.hpp"
#include "app/push/target_url.hpp"

namespace turnwise::api {
namespace {

constexpr milliseconds overlap_max = std::chrono::hours{24 * 30};
constexpr std::size_t secret_text_bytes_max = 200;

/// The secret that comes with the change: the one that was sent, or a new one for when one is needed.
void read_secret(ObjectReader& in, model::PutKind& put) {
  const auto sent = in.short_text("secret", secret_text_bytes_max);
  const auto rotate = in.duration("rotate", milliseconds{0}, overlap_max);
  if (sent) {
    if (const auto key = push::decode_secret(*sent); !key) {
      in.refuse("secret", key.error().detail);
    }
  }
  const auto made = sent ? model::Result<std::string>(std::string{}) : push::new_key();
  if (!made) {
    in.refuse("secret", made.error().detail, made.error().code);
    return;
  }
  using Use = model::SecretChange::Use;
  put.secret = model::SecretChange{.text = sent ? std::string{*sent} : push::encode_secret(*made),
                                   .use = sent || rotate ? Use::instead : Use::if_none,
                                   .overlap = rotate.value_or(milliseconds{0})};
  put.secret_is_new = !sent;
}

} // namespace

void read_push(ObjectReader& in, model::PutKind& put, const RequestLimits& limits) {
  const auto* object = in.object("push");
  if (object == nullptr) {
    return;
  }
  ObjectReader inner(*object, in.pointer("push"));
  model::PushSettings settings;
  settings.url = inner.required_text("url", "where jobs of this kind are POSTed to, like \"https://example.com/jobs\"");
  if (const auto target = push::parse_target(settings.url, limits.push_schemes); !target) {
    inner.refuse("url", target.error().detail);
  }
  settings.timeout =
      inner.duration("timeout", model::push_timeout_min, model::push_timeout_max).value_or(model::push_timeout_default);
  read_secret(inner, put);
  if (auto fault = std::move(inner).fault("a push has url, timeout, secret, rotate")) {
    in.refuse(std::move(*fault));
  }
  put.settings.push = std::move(settings);
}

void write_push(json::Writer& out, const model::KindSettings& settings) {
  if (settings.push) {
    out.key("push").begin_object();
    out.member("url", settings.push->url).member("timeout", to_text(settings.push->timeout));
    out.end_object();
  }
}

void write_secrets(json::Writer& out, const model::KindSettings& settings) {
  if (!settings.push) {
    return;
  }
  out.key("push_secrets").begin_array();
  for (const auto& secret : settings.push->secrets) {
    const auto key = push::decode_secret(secret.text);
    out.begin_object().member("id", key ? push::fingerprint_of(*key) : "");
    if (secret.until) {
      out.member("until", to_text(*secret.until));
    }
    out.end_object();
  }
  out.end_array();
}

} // namespace turnwise::api
