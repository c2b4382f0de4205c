// SPDX-License-Identifier: Apache-2.0
// Malformed graph files beyond those of tests/runtime/graph_*_test.cpp, and the text by which each is refused.
#include "runtime/graph_file.h"
#include "tests/hostile/malformed.h"

namespace sluice::hostile {
namespace {

Malformed bad(const std::string &what, const std::string &file, const std::string &reason) {
  return {what, file, "g:" + reason};
}

// A whole graph with these lines from line 4 on.
std::string with(const std::string &lines) {
  return "model m\nparam width=48\ninput x [n 3 h w]\n" + lines + "\nf y from x\noutput y\n";
}

Rows text_rows() {
  return {
      bad("Nul", with(std::string("f a from x k=\0", 14)), "4: control character \\x00"),
      bad("NulFirst", std::string(1, '\0') + with(""), "1: control character \\x00"),
      bad("NulLast", with("") + '\0', "7: control character \\x00"),
      bad("Zeros", std::string(4096, '\0'), "1: control character \\x00"),
      bad("Utf16LittleEndian", std::string("\xff\xfem\0o\0d\0e\0l\0", 12), "1: control character \\x00"),
      bad("Utf16BigEndian", std::string("\xfe\xff\0m\0o\0d\0e\0l", 12), "1: control character \\x00"),
      bad("Latin1", with("f a from x k=gr\xfcn"), "4: the line is not UTF-8 text"),
      bad("OverlongUtf8", with("f a from x k=\xc1\x81"), "4: the line is not UTF-8 text"),
      bad("SurrogateInUtf8", with("f a from x k=\xed\xa0\x80"), "4: the line is not UTF-8 text"),
      bad("Beyond10FFFF", with("f a from x k=\xf4\x90\x80\x80"), "4: the line is not UTF-8 text"),
      bad("SequenceCutOff", with("f a from x k=\xe2\x82"), "4: the line is not UTF-8 text"),
      bad("ByteOrderMarkInside",
          with("\xef\xbb\xbf"
               "f a from x"),
          "4: unknown statement '\xef\xbb\xbf"
          "f'"),
      bad("TwoByteOrderMarks", "\xef\xbb\xbf\xef\xbb\xbf" + with(""), "1: unknown statement '\xef\xbb\xbfmodel'"),
      bad("CarriageReturnsOnly", "model m\rinput x [n]\rf y from x\routput y\r", "1: control character \\x0d"),
      bad("CarriageReturnTwice", "model m\r\r\n", "1: control character \\x0d"),
      bad("LineFeedBeforeCarriageReturn", "model m\n\rinput x [n]", "2: control character \\x0d"),
      bad("FormFeed", with("f a from x\f"), "4: control character \\x0c"),
      bad("VerticalTab", with("f\va from x"), "4: control character \\x0b"),
      bad("Delete", with("f a from x\x7f"), "4: control character \\x7f"),
      bad("Escape", with("# \x1b[31m"), "4: control character \\x1b"),
      bad("NextLineOfUnicode",
          with("f\xc2\x85"
               "a from x"),
          "4: unknown statement 'f\xc2\x85"
          "a'"),
      bad("SpaceOfUnicode",
          with("f\xc2\xa0"
               "a from x"),
          "4: unknown statement 'f\xc2\xa0"
          "a'"),
  };
}

Rows foreign_rows() {
  return {
      bad("CyrillicName", with("f \xd0\xb0 from x"),
          "4: node '\xd0\xb0': not a name (letters, digits, '_' and '.', a letter or '_' first)"),
      bad("EmojiAsValue", with("f a from x k=\xf0\x9f\x98\x80"),
          "4: node 'a': unexpected '\\xf0' in '\xf0\x9f\x98\x80'"),
      bad("PathAsName", with("f ../../etc/passwd from x"),
          "4: node '../../etc/passwd': not a name (letters, digits, '_' and '.', a letter or '_' first)"),
      bad("PathAsWeights", with("f a from x weights=/etc/passwd."),
          "4: node 'a': weights is the beginning of a name, up to a '.' or '_', got '/etc/passwd.'"),
      bad("UrlAsWeights", with("f a from x weights=http://a.b/."),
          "4: node 'a': weights is the beginning of a name, up to a '.' or '_', got 'http://a.b/.'"),
      bad("Quotes", with("f \"a\" from x"),
          "4: node '\"a\"': not a name (letters, digits, '_' and '.', a letter or '_' first)"),
      bad("Semicolon", with("f a from x;"), "4: node 'a': bad tensor name 'x;' after 'from'"),
      bad("Shell", with("f a from $(id)"), "4: node 'a': bad tensor name '$(id)' after 'from'"),
      bad("Json", "{\"model\":\"m\"}", "1: '{\"model\":\"m\"}' stands outside a block and a loop"),
      bad("Png", "\x89PNG\r\n\x1a\n", "1: the line is not UTF-8 text"),
      bad("LineOf10Megabytes", std::string(10u << 20, 'a'), " the file is larger than 4 MB"),
      bad("LineOf65537", with("# " + std::string(65535, 'a')), "4: the line is longer than 64 kB"),
      bad("NameOf257", with("f " + std::string(257, 'a') + " from x"),
          "4: node "
          "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...': "
          "a name of more than 256 bytes"),
      bad("TensorOf257", with("f a from x to " + std::string(257, 'b')), "4: node 'a': a name of more than 256 bytes"),
      bad("InputOf257", with("input " + std::string(257, 'c') + " [n]"),
          "4: input "
          "'cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc...': "
          "a name of more than 256 bytes"),
  };
}

const Pairs kValues = {
    {"9223372036854775808", "4: node 'a': '9223372036854775808' is too large in '9223372036854775808'"},
    {"18446744073709551616", "4: node 'a': '18446744073709551616' is too large in '18446744073709551616'"},
    {"-9223372036854775809", "4: node 'a': '9223372036854775809' is too large in '-9223372036854775809'"},
    {"9223372036854775807+1", "4: node 'a': the value does not fit 64 bits in '9223372036854775807+1'"},
    {"9223372036854775807*9223372036854775807",
     "4: node 'a': the value does not fit 64 bits in '9223372036854775807*9223372036854775807'"},
    {"-9223372036854775807-2", "4: node 'a': the value does not fit 64 bits in '-9223372036854775807-2'"},
    {"1e309", "4: node 'a': bad number '1e309' in '1e309'"},
    {"-1e309", "4: node 'a': bad number '1e309' in '-1e309'"},
    {"1e308*1e308", "4: node 'a': the value is not finite in '1e308*1e308'"},
    {"0.0/0", "4: node 'a': division by zero in '0.0/0'"},
    {"0/0", "4: node 'a': division by zero in '0/0'"},
    {"5%0", "4: node 'a': division by zero in '5%0'"},
    {"5%0.0", "4: node 'a': division by zero in '5%0.0'"},
    {"1/(width-48)", "4: node 'a': division by zero in '1/(width-48)'"},
    {"7/2", "4: node 'a': 7/2 leaves a remainder (write 7.0/2 for a real quotient) in '7/2'"},
    {"0x10", "4: node 'a': bad number '0x10' in '0x10'"},
    {"1_000", "4: node 'a': bad number '1_000' in '1_000'"},
    {"1,,2", "4: node 'a': a value of 'k' is missing"},
    {"1;2", "4: node 'a': unexpected ';' in '1;2'"},
    {"1e+", "4: node 'a': bad number '1e+' in '1e+'"},
    {"1e-", "4: node 'a': bad number '1e-' in '1e-'"},
    {"1.2.3", "4: node 'a': bad number '1.2.3' in '1.2.3'"},
    {"..", "4: node 'a': bad number '..' in '..'"},
    {"$1", "4: node 'a': unexpected '$' in '$1'"},
    {"!x", "4: node 'a': unexpected '!' in '!x'"},
    {"~1", "4: node 'a': unexpected '~' in '~1'"},
    {"1=2", "4: node 'a': unexpected '=' in '1=2'"},
    {"2^31", "4: node 'a': unexpected '^' in '2^31'"},
    {"1<<31", "4: node 'a': unexpected '<' in '1<<31'"},
    {"1//2", "4: node 'a': unexpected '/' in '1//2'"},
    {"2**3", "4: node 'a': unexpected '*' in '2**3'"},
    {"a+b", "4: node 'a': unknown name 'a' in 'a+b'"},
    {"inf+1", "4: node 'a': unknown name 'inf' in 'inf+1'"},
    {"1+", "4: node 'a': a value is missing at the end in '1+'"},
    {"()", "4: node 'a': unexpected ')' in '()'"},
    {"(1", "4: node 'a': missing ')' in '(1'"},
    {"1)", "4: node 'a': unexpected ')' in '1)'"},
    {")(", "4: node 'a': unexpected ')' in ')('"},
    {"@", "4: node 'a': unexpected '@' in '@'"},
    {"\\", "4: node 'a': unexpected '\\' in '\\'"},
    {"'1'", "4: node 'a': unexpected ''' in ''1''"}};

Rows number_rows() {
  Rows rows;

  for (const auto &[text, reason] : kValues) {
    rows.push_back(bad("Value " + std::string(text), with("f a from x k=" + std::string(text)), reason));
  }
  const auto value = [&](const std::string &what, const std::string &text, const std::string &reason) {
    rows.push_back(bad(what, with("f a from x k=" + text), reason));
  };
  value("Parentheses64And1", std::string(64, '(') + "1" + std::string(64, ')') + ")",
        "4: node 'a': more than 64 nested parentheses or signs in "
        "'((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((1)))))))))))))))))))))))))))))))))))...'");
  value("Parentheses65", std::string(65, '(') + "1" + std::string(65, ')'),
        "4: node 'a': more than 64 nested parentheses or signs in "
        "'(((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((1))))))))))))))))))))))))))))))))))...'");
  value("Parentheses30000", std::string(30000, '(') + "1",
        "4: node 'a': more than 64 nested parentheses or signs in "
        "'((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((...'");
  value("Signs60000", std::string(60000, '-') + "1",
        "4: node 'a': more than 64 nested parentheses or signs in "
        "'----------------------------------------------------------------------------------------------------...'");
  value("Digits60000", std::string(60000, '9'),
        "4: node 'a': bad number "
        "'9999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999...' in "
        "'9999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999...'");
  value("Zeros60000", "1." + std::string(60000, '0') + "x",
        "4: node 'a': bad number "
        "'1.00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000...' in "
        "'1.00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000...'");
  return rows;
}

const Pairs kShapes = {
    {"[n 3 h w", "4: input 'z': ']' is missing"},
    {"n 3 h w]", "4: input 'z': a shape such as [n 3 h w] is expected after the name"},
    {"[[n]]", "4: input 'z': unexpected '[' in '['"},
    {"[]", "4: input 'z': the shape is empty"},
    {"[n,3,h,w]", "4: input 'z': unknown name 'n' in 'n,3,h,w'"},
    {"[n 3 h w] [n]", "4: input 'z': unexpected '[', key=value is expected here"},
    {"[0]", "4: input 'z': a dimension is an integer from 1 to 16777216, got '0'"},
    {"[-1]", "4: input 'z': a dimension is an integer from 1 to 16777216, got '-1'"},
    {"[16777217]", "4: input 'z': a dimension is an integer from 1 to 16777216, got '16777217'"},
    {"[2147483648]", "4: input 'z': a dimension is an integer from 1 to 16777216, got '2147483648'"},
    {"[9223372036854775807]", "4: input 'z': a dimension is an integer from 1 to 16777216, got '9223372036854775807'"},
    {"[1e3.5]", "4: input 'z': bad number '1e3.5' in '1e3.5'"},
    {"[0.5]", "4: input 'z': a dimension is an integer from 1 to 16777216, got '0.5'"},
    {"[n -h]", "4: input 'z': unknown name 'h' in '-h'"},
    {"[n h/2]", "4: input 'z': unknown name 'h' in 'h/2'"},
    {"[n h*w]", "4: input 'z': unknown name 'h' in 'h*w'"},
    {"[1/0]", "4: input 'z': division by zero in '1/0'"},
    {"[nan 1/3]", "4: input 'z': 1/3 leaves a remainder (write 1.0/3 for a real quotient) in '1/3'"},
    {"[a b c d e f g]", "4: input 'z': more than 6 dimensions"},
    {"(n 3 h w)", "4: input 'z': a shape such as [n 3 h w] is expected after the name"},
    {"[n 3 h w]]", "4: input 'z': unexpected ']', key=value is expected here"}};

const Pairs kInputKeys = {
    {"scale=0", "4: input 'z': scale must not be 0"},
    {"scale=0.0", "4: input 'z': scale must not be 0"},
    {"scale=1e39", "4: input 'z': scale=1e+39 is too large"},
    {"scale=-1e39", "4: input 'z': scale=-1e+39 is too large"},
    {"scale=nan", "4: input 'z': scale is a number, got 'nan'"},
    {"scale=inf", "4: input 'z': scale is a number, got 'inf'"},
    {"offset=1e300", "4: input 'z': offset=1e+300 is too large"},
    {"offset=word", "4: input 'z': offset is a number, got 'word'"},
    {"value=1e39", "4: input 'z': value=1e+39 is too large"},
    {"value=", "4: input 'z': a value is missing"},
    {"order=RGB", "4: input 'z': order is rgb or bgr, got 'RGB'"},
    {"order=rgba", "4: input 'z': order is rgb or bgr, got 'rgba'"},
    {"pad=mirror", "4: input 'z': pad is zero or edge, got 'mirror'"},
    {"range=1", "4: input 'z': range is FIRST,LAST, got '1'"},
    {"range=1,2,3", "4: input 'z': range is FIRST,LAST, got '1,2,3'"},
    {"range=2,1", "4: input 'z': range begins with 2, above its end 1"},
    {"range=a,b", "4: input 'z': range is two integers, got 'a,b'"},
    {"range=0,9223372036854775808", "4: input 'z': '9223372036854775808' is too large in '9223372036854775808'"},
    {"multiple=8", "4: input 'z': unknown key 'multiple'; known: scale, offset, order, pad, value, range"},
    {"shape=1", "4: input 'z': unknown key 'shape'; known: scale, offset, order, pad, value, range"}};

const Pairs kModelKeys = {
    {"multiple=0", "1: model 'm': multiple is an integer from 1 to 4096, got '0'"},
    {"multiple=-8", "1: model 'm': multiple is an integer from 1 to 4096, got '-8'"},
    {"multiple=4097", "1: model 'm': multiple is an integer from 1 to 4096, got '4097'"},
    {"multiple=2147483648", "1: model 'm': multiple is an integer from 1 to 4096, got '2147483648'"},
    {"multiple=8.5", "1: model 'm': multiple is an integer from 1 to 4096, got '8.5'"},
    {"multiple=", "1: model 'm': a value is missing"},
    {"multiple=width", "1: model 'm': multiple is an integer from 1 to 4096, got 'width'"},
    {"size=8", "1: model 'm': unknown key 'size'; known: multiple"}};

Rows shape_rows() {
  Rows rows;
  for (const auto &[shape, reason] : kShapes) {
    rows.push_back(bad(std::string("Shape ") + shape, with(std::string("input z ") + shape), reason));
  }
  for (const auto &[keys, reason] : kInputKeys) {
    rows.push_back(bad(std::string("Input ") + keys, with(std::string("input z [n 3] ") + keys), reason));
  }
  for (const auto &[keys, reason] : kModelKeys) {
    rows.push_back(bad(std::string("Model ") + keys, std::string("model m ") + keys + "\n", reason));
  }
  return rows;
}

const Pairs kLines = {
    {"slice a from x channels=0", "4: node 'a': channels of slice is an integer from 1 to 16777216, got '0'"},
    {"slice a from x channels=-1", "4: node 'a': channels of slice is an integer from 1 to 16777216, got '-1'"},
    {"slice a from x channels=16777217",
     "4: node 'a': channels of slice is an integer from 1 to 16777216, got '16777217'"},
    {"slice a from x first=-1 channels=1", "4: node 'a': first of slice is an integer from 0 to 16777216, got '-1'"},
    {"slice a from x first=2147483648 channels=1",
     "4: node 'a': first of slice is an integer from 0 to 16777216, got '2147483648'"},
    {"slice a from x channels=1.5", "4: node 'a': channels of slice is an integer from 1 to 16777216, got '1.5'"},
    {"slice a from x channels=all", "4: node 'a': channels of slice is an integer from 1 to 16777216, got 'all'"},
    {"slice a from x,x channels=1", "4: node 'a': slice reads one tensor and makes one"},
    {"slice a from x channels=1 first=", "4: node 'a': a value of 'first' is missing"},
    {"slice a from x", "4: node 'a': channels is missing"},
    {"reshape a from x shape=-2", "4: node 'a': shape of reshape is an integer from -1 to 16777216, got '-2'"},
    {"reshape a from x shape=-1,-1", "4: node 'a': only one extent is -1, what is left"},
    {"reshape a from x shape=1,1,1,1,1,1,1", "4: node 'a': more than 6 dimensions"},
    {"reshape a from x shape=16777217",
     "4: node 'a': shape of reshape is an integer from -1 to 16777216, got '16777217'"},
    {"reshape a from x shape=c", "4: node 'a': shape of reshape is an integer from -1 to 16777216, got 'c'"},
    {"reshape a from x shape=", "4: node 'a': a value of 'shape' is missing"},
    {"reshape a from x,x,x shape=0", "4: node 'a': reshape reads one tensor and makes one"},
    {"concat a", "4: node 'a': 'from' is missing after the name"},
    {"concat a from", "4: node 'a': a tensor is missing after 'from'"},
    {"concat a from x axis=2", "4: node 'a': concat joins channels: it has one output and no keys"},
    {"concat a from x to b,c", "4: node 'a': concat joins channels: it has one output and no keys"},
    {"f a from a", "4: node 'a': cycle: it reads its own output 'a'"},
    {"f a from b\nf b from a",
     "4: node 'a': cycle or use before definition: tensor 'b' is produced later, by node 'b' at line 5"},
    {"f a from b\nf b from c\nf c from a",
     "4: node 'a': cycle or use before definition: tensor 'b' is produced later, by node 'b' at line 5"},
    {"f a from nothing", "4: node 'a': no input and no node produces tensor 'nothing'"},
    {"f a from y", "4: node 'a': cycle or use before definition: tensor 'y' is produced later, by node 'y' at line 5"},
    {"f a from x,", "4: node 'a': an empty name after 'from' (a list has no blanks)"},
    {"f a from ,x", "4: node 'a': an empty name after 'from' (a list has no blanks)"},
    {"f a from x to", "4: node 'a': a tensor is missing after 'to'"},
    {"f a from x to x", "4: node 'a': tensor 'x' is already produced by input 'x' at line 3"},
    {"f a from x to b,b", "4: node 'a': tensor 'b' is already produced by node 'a' at line 4"},
    {"f a from x\nf a from x", "5: node 'a': a node of this name is already at line 4"},
    {"f x from x", "4: node 'x': tensor 'x' is already produced by input 'x' at line 3"},
    {"f y from x", "5: node 'y': a node of this name is already at line 4"},
    {"f a from x from x", "4: node 'a': 'from' twice"},
    {"f a to b", "4: node 'a': 'from' is missing after the name"},
    {"f a k=1", "4: node 'a': 'from' is missing after the name"},
    {"F a from x", "4: unknown statement 'F'"},
    {"1f a from x", "4: unknown statement '1f'"},
    {"f-g a from x", "4: unknown statement 'f-g'"},
    {"f a from x -k=1", "4: node 'a': bad key '-k'"},
    {"f a from x k==1", "4: node 'a': unexpected '=' in '=1'"},
    {"f a from x =", "4: node 'a': bad key ''"},
    {"f a from x k=1 K=2", "4: node 'a': bad key 'K'"},
    {"f a from x k=1 k=1", "4: node 'a': 'k' twice"},
    {"f a from x rename=:", "4: node 'a': rename is port:name,port:name+name, got ':'"},
    {"f a from x rename=a:b:c", "4: node 'a': rename is port:name,port:name+name, got 'a:b:c'"},
    {"f a from x weights=*.", "4: node 'a': weights is the beginning of a name, up to a '.' or '_', got '*.'"},
    {"model n", "4: model 'n': the model is already named 'm'"},
    {"param late=1", "4: param 'late': parameters stand before the first input, node and output"},
    {"output z", "4: output 'z': no input and no node produces tensor 'z'"},
    {"output x from nothing", "4: output 'x': no input and no node produces tensor 'nothing'"},
    {"end", "4: 'end' without a block"},
    {"op g from a to b", "4: an op is not defined in a graph file"},
    {"include other.graph", "4: node 'other.graph': 'from' is missing after the name"},
    {"import os", "4: node 'os': 'from' is missing after the name"},
    {"if", "4: 'if' is followed by a condition and a statement"},
    {"if 1", "4: 'if' is followed by a condition and a statement"},
    {"if 1=1", "4: 'if' is followed by a condition and a statement"},
    {"if 1<a f a from x", "4: '<' compares numbers, got 'a'"},
    {"if =1 end", "4: 'end' cannot stand after 'if' or 'for'"},
    {"for i=1..3", "4: 'for' is followed by a range and a statement"},
    {"for i=3 f a{i} from x", "4: a loop is written 'for i=FIRST..LAST', got 'i=3'"},
    {"for i=a..b f a{i} from x", "4: the first 'i' is an integer, got 'a'"},
    {"for i=1..10001 f a{i} from x", "4: loops repeat more than 10000 times"},
    {"for i=0..9223372036854775807 f a{i} from x", "4: loops repeat more than 10000 times"},
    {"for i=-9223372036854775807..9223372036854775807 f a from x", "4: loops repeat more than 10000 times"},
    {"for i=1..200 for j=1..200 f a{i}_{j} from x", "4: loops repeat more than 10000 times"},
    {"for i=1..2 for i=1..2 f a from x", "4: the loop variable 'i' is also a name of what surrounds it"},
    {"for i=1..2 f a from x", "4: node 'a': a node of this name is already at line 4"},
    {"use nothing", "4: use 'nothing': no such block above this line"},
    {"use", "4: a name is missing after 'use'"},
    {"block b", "6: block 'b': 'output' cannot stand inside a block"},
    {"block b\nend", "5: block 'b': the block is empty"},
    {"block b\nf a from x", "7: block 'b': 'output' cannot stand inside a block"},
    {"block b\nuse b\nend\nuse b",
     "5: use 'b': a block uses only blocks defined before it (block 'b', used at line 7)"},
    {"block b\nblock c\nend\nend", "5: block 'b': 'block' cannot stand inside a block"},
    {"block b\ninput z [n]\nend", "5: block 'b': 'input' cannot stand inside a block"},
    {"block b p p\nf a from x\nend", "4: block 'b': argument 'p' twice"},
    {"block b p\nf {q} from x\nend", "5: block 'b': 'q' is no argument of the block"},
    {"block b p\nf {p from x\nend", "5: block 'b': unpaired brace in '{p'"},
    {"block b p\nf p} from x\nend\nuse b p=1", "5: block 'b': unpaired brace in 'p}'"},
    {"block b p\nf a from x\nend\nuse b", "7: use 'b': argument 'p' is missing"},
    {"block b p\nf a from x\nend\nuse b p=1 q=2", "7: use 'b': unknown argument 'q'; known: p"},
    {"block b p\n{p} a from x\nend\nuse b p=block",
     "5: block 'b': 'block' cannot stand inside a block (block 'b', used at line 7)"},
    {"block b p\n{p}\nend\nuse b p=", "5: unknown statement '' (block 'b', used at line 7)"},
    {"block b p\nf a from x k={p}{p}{p}\nend\nuse b p=1/0",
     "5: node 'a': division by zero in '1/01/01/0' (block 'b', used at line 7)"}};

Rows node_rows() {
  Rows rows;
  for (const auto &[line, reason] : kLines) {
    rows.push_back(bad(std::string("Line ") + line, with(line), reason));
  }
  return rows;
}

TEST(HostileGraph, MalformedFilesAreRefused) {
  expect_refusals("graph", 220, joined({text_rows(), foreign_rows(), number_rows(), shape_rows(), node_rows()}),
                  [](const std::string &file) { parse_graph(file, "g"); });
}

// What editors do to a good file does no harm.
TEST(HostileGraph, ByteOrderMarkAndLineEndsAreAccepted) {
  const std::string good = with("");
  std::string ends;
  for (const char c : good) ends += c == '\n' ? std::string("\r\n") : std::string(1, c);
  for (const std::string &file : {good, "\xef\xbb\xbf" + good, ends, good.substr(0, good.size() - 1)}) {
    EXPECT_EQ(parse_graph(file, "g").nodes.size(), 1u);
  }
}

}  // namespace
}  // namespace sluice::hostile
