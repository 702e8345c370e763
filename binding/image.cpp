#include <ATen/ATen.h>

#include <array>
#include <cstring>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "addon.h"
#include "convert.h"
#include "image/patches.h"
#include "image/resample.h"

namespace frankentorch::binding {
namespace {

// Work of milliseconds, so it runs on a thread of libuv's pool: the engine thread may be in the middle of a long
// generation.
template <class Result, class Compute, class Settle>
class PooledWork : public Napi::AsyncWorker {
 public:
  PooledWork(Napi::Env env, Compute compute, Settle settle)
      : Napi::AsyncWorker(env, "frankentorch:image"),
        deferred_(Napi::Promise::Deferred::New(env)),
        compute_(std::move(compute)),
        settle_(std::move(settle)) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

  void Execute() override {
    failure_ = attempt([&] { result_.emplace(compute_()); });
  }

  void OnOK() override {
    if (failure_) return deferred_.Reject(to_error(Env(), *failure_).Value());
    try {
      deferred_.Resolve(guarded(Env(), [&] { return settle_(Env(), *result_); }));
    } catch (const Napi::Error& error) {
      deferred_.Reject(error.Value());
    }
  }

 private:
  Napi::Promise::Deferred deferred_;
  Compute compute_;
  Settle settle_;
  std::optional<Failure> failure_;
  std::optional<Result> result_;
};

template <class Compute, class Settle>
Napi::Value run_pooled(Napi::Env env, Compute compute, Settle settle) {
  using Result = std::invoke_result_t<Compute&>;
  auto* work = new PooledWork<Result, Compute, Settle>(env, std::move(compute), std::move(settle));
  const Napi::Promise promise = work->promise();
  work->Queue();  // deletes itself when it has settled
  return promise;
}

// Pixels copied on the JavaScript thread: the caller may change or detach its buffer while the work waits.
struct Picture {
  std::vector<uint8_t> pixels;
  int64_t width;
  int64_t height;
  ImageView view() const { return {pixels, width, height}; }
};

// { data: Uint8Array, width, height }
Picture to_picture(const Napi::Value& value) {
  const auto object = to_object(value, "image");
  const Napi::Value data = object.Get("data");
  if (!data.IsTypedArray()) fail("ERR_INVALID_ARGUMENT", "Expected a Uint8Array for image.data");
  const auto array = data.As<Napi::Uint8Array>();
  return {{array.Data(), array.Data() + array.ByteLength()},
          to_int(object.Get("width"), "image.width"),
          to_int(object.Get("height"), "image.height")};
}

// An image (one frame) or a video, and the size its frames get.
struct Visual {
  std::vector<Picture> frames;
  int64_t height;
  int64_t width;
};

// { frames: image[], height, width }
Visual to_visual(const Napi::Value& value) {
  const auto object = to_object(value, "visual");
  return {to_vector(object.Get("frames"), "frames", to_picture), to_int(object.Get("height"), "height"),
          to_int(object.Get("width"), "width")};
}

std::array<double, 3> to_channels(const Napi::Value& value, const char* name) {
  const auto values = to_vector(value, name, [&](const Napi::Value& element) { return to_double(element, name); });
  if (values.size() != 3) fail("ERR_INVALID_ARGUMENT", "Expected three numbers for ", name);
  return {values[0], values[1], values[2]};
}

PatchOptions to_options(const Napi::Value& value) {
  const auto object = to_object(value, "options");
  PatchOptions options;
  options.patch_size = to_int(object.Get("patchSize"), "patchSize");
  options.temporal_patch_size = to_int(object.Get("temporalPatchSize"), "temporalPatchSize");
  options.merge_size = to_int(object.Get("mergeSize"), "mergeSize");
  options.rescale_factor = to_double(object.Get("rescaleFactor"), "rescaleFactor");
  options.mean = to_channels(object.Get("imageMean"), "imageMean");
  options.std = to_channels(object.Get("imageStd"), "imageStd");
  return options;
}

// The frames resized, as [height, width, 3] each.
std::vector<std::vector<uint8_t>> resize_frames(const Visual& visual) {
  std::vector<std::vector<uint8_t>> frames;
  for (const Picture& frame : visual.frames) {
    frames.push_back(resample(frame.view(), visual.width, visual.height, Filter::kBicubic));
  }
  return frames;
}

// [patches of all visuals, patch length] float32
at::Tensor pixel_values(const std::vector<Visual>& visuals, const PatchOptions& options) {
  int64_t patches = 0;
  for (const Visual& visual : visuals) {
    patches += patch_grid(static_cast<int64_t>(visual.frames.size()), visual.height, visual.width, options).patches();
  }
  const int64_t length = patch_length(options);
  at::Tensor values = at::empty({patches, length}, at::kFloat);
  auto* out = values.mutable_data_ptr<float>();
  for (const Visual& visual : visuals) {
    const auto resized = resize_frames(visual);
    std::vector<ImageView> frames;
    for (const auto& frame : resized) frames.push_back({frame, visual.width, visual.height});
    const auto grid = patch_grid(static_cast<int64_t>(frames.size()), visual.height, visual.width, options);
    const auto count = static_cast<size_t>(grid.patches() * length);
    write_patches(frames, options, {out, count});
    out += count;
  }
  return values;
}

// (visuals, options) -> Promise<tensor>
Napi::Value preprocess_images(Addon& addon, const Napi::CallbackInfo& info) {
  return run_pooled(
      info.Env(),
      [visuals = to_vector(info[0], "visuals", to_visual), options = to_options(info[1])] {
        return pixel_values(visuals, options);
      },
      [&addon](Napi::Env env, const at::Tensor& values) { return wrap_tensor(addon, env, values); });
}

// (image, width, height, 'bicubic' | 'lanczos') -> Promise<Uint8Array>
Napi::Value resize_image(Addon&, const Napi::CallbackInfo& info) {
  const Filter filter = to_string(info[3], "filter") == "lanczos" ? Filter::kLanczos : Filter::kBicubic;
  return run_pooled(
      info.Env(),
      [image = to_picture(info[0]), width = to_int(info[1], "width"), height = to_int(info[2], "height"), filter] {
        return resample(image.view(), width, height, filter);
      },
      [](Napi::Env env, const std::vector<uint8_t>& pixels) {
        Napi::Uint8Array array = Napi::Uint8Array::New(env, pixels.size());
        if (!pixels.empty()) std::memcpy(array.Data(), pixels.data(), pixels.size());
        return array;
      });
}

}  // namespace

void define_images(Napi::Object exports, Addon& addon) {
  define<preprocess_images>(exports, "preprocessImages", addon);
  define<resize_image>(exports, "resizeImage", addon);
}

}  // namespace frankentorch::binding
