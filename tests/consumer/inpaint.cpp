// SPDX-License-Identifier: Apache-2.0
// Fills the hole of a picture from C++: inpaint GRAPH WEIGHTS PICTURE.ppm MASK.pgm RESULT.ppm, binary files of 8 bits.
// It runs the network on tensors as well.
#include <fstream>
#include <iostream>
#include <sluice/sluice.hpp>

struct Image {
  int width = 0, height = 0, channels = 0;
  std::vector<uint8_t> samples;
};

Image read_image(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::string kind;
  int most = 0;
  Image image;
  file >> kind >> image.width >> image.height >> most;
  file.get();
  image.channels = kind == "P6" ? 3 : 1;
  if (!file || most != 255 || image.width < 1 || image.height < 1)
    throw sluice::Error(SLUICE_ERROR_BAD_FILE, path + ": no PGM or PPM of 8 bits");
  image.samples.resize(size_t(image.width) * size_t(image.height) * size_t(image.channels));
  if (!file.read(reinterpret_cast<char *>(image.samples.data()), std::streamsize(image.samples.size())))
    throw sluice::Error(SLUICE_ERROR_BAD_FILE, path + ": too short");
  return image;
}

sluice_pixels pixels_of(const Image &image) {
  return sluice::pixels(image.samples, image.width, image.height, image.channels);
}

// The largest value of what the network makes of a black picture without a hole.
float on_black(const sluice::Model &model, int64_t height, int64_t width) {
  const std::vector<int64_t> image_shape{1, 3, height, width}, mask_shape{1, 1, height, width};
  const std::vector<float> image(size_t(3 * height * width)), mask(size_t(height * width));
  const sluice_tensor inputs[] = {sluice::input("image", image, image_shape), sluice::input("mask", mask, mask_shape)};
  const sluice::Tensor filled = model.run(inputs, "filled");
  return *std::max_element(filled.values.begin(), filled.values.end());
}

int main(int argc, char **argv) try {
  if (argc != 6) throw sluice::Error(SLUICE_ERROR_USAGE, "inpaint GRAPH WEIGHTS PICTURE.ppm MASK.pgm RESULT.ppm");
  const sluice::Model model(argv[1], argv[2]);
  for (const sluice::Port &port : model.inputs()) std::cerr << port.name << ": " << port.extents.size() << " axes\n";
  const Image picture = read_image(argv[3]), mask = read_image(argv[4]);
  Image result = picture;
  model.inpaint(pixels_of(picture), pixels_of(mask), pixels_of(result));
  std::cerr << "black gives " << on_black(model, 64, 64) << '\n';
  std::ofstream file(argv[5], std::ios::binary);
  file << (result.channels == 3 ? "P6\n" : "P5\n") << result.width << ' ' << result.height << "\n255\n";
  file.write(reinterpret_cast<const char *>(result.samples.data()), std::streamsize(result.samples.size()));
  return file.flush() ? 0 : 1;
} catch (const sluice::Error &error) {
  std::cerr << error.what() << '\n';
  return error.status();
}
