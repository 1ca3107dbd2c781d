package kinesisserver

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// A serializationError says that a value is not of the type its shape asks for.
// Only the first one of a request is reported.
type serializationError string

func (e serializationError) Error() string { return string(e) }

// checkTypes checks that v is of the types that a structure asks for, members
// in the order of the shape, and decodes its blobs.
func checkTypes(v *value, sh *shape) error {
	for i := range sh.members {
		if m := v.get(sh.members[i].name); m != nil {
			if err := checkType(m, sh.members[i].shape); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkType checks one value. Null is of every type.
func checkType(v *value, sh *shape) error {
	switch {
	case v.kind == nullValue:
		return nil
	case sh.kind >= listShape:
		return checkCollection(v, sh)
	case v.kind == listValue:
		return serializationError("Start of list found where not expected")
	case v.kind == mapValue:
		return serializationError("Start of structure or map found where not expected.")
	case sh.kind == blobShape && v.kind == textValue:
		return decodeBlob(v)
	}
	if !fits(v.kind, sh.kind) {
		return cannotConvert(v, sh.kind)
	}
	if sh.kind == booleanShape && v.kind == textValue {
		return checkBooleanText(v)
	}
	return nil
}

// fits reports whether a single value of a kind can be converted to a shape's.
func fits(v valueKind, sh shapeKind) bool {
	switch sh {
	case stringShape:
		return v == textValue
	case integerShape:
		return v == numberValue
	case booleanShape:
		return v == falseValue || v == trueValue || v == textValue
	case blobShape:
		return v == bytesValue
	default:
		return v == numberValue || v == timeValue
	}
}

// checkBooleanText takes a text for a boolean if it is one of the words that
// the service knows.
func checkBooleanText(v *value) error {
	switch word := strings.ToUpper(v.text); word {
	case "TRUE", "YES", "1":
		v.kind = trueValue
	case "FALSE", "NO", "0":
		v.kind = falseValue
	default:
		return serializationError("'" + clip(word) + "' can not be converted to an Boolean")
	}
	return nil
}

// cannotConvert speaks of classes of the service's own, which clients have seen
// in its messages.
func cannotConvert(v *value, to shapeKind) error {
	class := map[valueKind]string{
		falseValue:  "java.lang.Boolean",
		trueValue:   "java.lang.Boolean",
		numberValue: "com.amazon.coral.value.json.numbers.TruncatingBigNumber",
		textValue:   "java.lang.String",
		bytesValue:  "java.nio.HeapByteBuffer",
		timeValue:   "java.util.Date",
	}[v.kind]
	target := map[shapeKind]string{
		stringShape:    "an String",
		integerShape:   "an Integer",
		booleanShape:   "an Boolean",
		blobShape:      "a Blob",
		timestampShape: "milliseconds since epoch",
	}[to]
	return serializationError("class " + class + " can not be converted to " + target)
}

// checkCollection checks a list, a map or a structure, and what is in it.
func checkCollection(v *value, sh *shape) error {
	switch {
	case v.kind == listValue && sh.kind != listShape:
		return serializationError("Start of list found where not expected")
	case v.kind == mapValue && sh.kind == listShape:
		return serializationError("Start of structure or map found where not expected.")
	case v.kind != listValue && v.kind != mapValue:
		return serializationError(map[shapeKind]string{
			listShape: "Expected list or null", mapShape: "Expected map or null", structureShape: "Expected null",
		}[sh.kind])
	case sh.kind == structureShape:
		return checkTypes(v, sh)
	}
	for i := range v.items {
		if err := checkType(&v.items[i], sh.elem); err != nil {
			return err
		}
	}
	for i := range v.members {
		if err := checkType(&v.members[i].value, sh.elem); err != nil {
			return err
		}
	}
	return nil
}

// decodeBlob decodes the base64 of a text.
func decodeBlob(v *value) error {
	refuse := func(why string) error {
		return serializationError("'" + clip(v.text) + "' can not be converted to a Blob: " + why)
	}
	if n := len(v.text); n%4 != 0 {
		return refuse("Base64 encoded length is expected a multiple of 4 bytes but found: " + strconv.Itoa(n))
	}
	if i := strangeBase64(v.text); i >= 0 {
		c := []rune(v.text[i:])[0]
		return refuse("Invalid Base64 character: '" + string(c) + "'")
	}
	b, err := base64.StdEncoding.Strict().DecodeString(v.text)
	if err != nil {
		return refuse("Invalid last non-pad Base64 character dectected") // the service's spelling
	}
	v.kind, v.bytes = bytesValue, b
	return nil
}

// strangeBase64 returns where the first character stands that base64 does not
// know, or padding before the end, or -1.
func strangeBase64(s string) int {
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '+', c == '/':
		case c == '=' && i >= len(s)-2 && s[len(s)-1] == '=':
		default:
			return i
		}
	}
	return -1
}
