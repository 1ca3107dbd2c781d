package kinesisserver

import (
	"math"
	"math/big"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// cborDecoding reads what the SDKs write: definite and indefinite lengths, any
// integer, and the last of the members that have the same name.
var cborDecoding = func() cbor.DecMode {
	mode, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyQuiet,
		MaxNestedLevels:  maxDepth,
		MaxArrayElements: maxValues,
		MaxMapPairs:      maxValues,
		UTF8:             cbor.UTF8DecodeInvalid,
		TimeTagToAny:     cbor.TimeTagToTime,
		// Other tags are looked through.
		UnrecognizedTagToAny: cbor.UnrecognizedTagContentToAny,
	}.DecMode()
	if err != nil {
		panic(err) // the options are constant
	}
	return mode
}()

// maxItems is how many items hold maxValues values at most: each may have a
// name.
const maxItems = 2 * maxValues

// parseCBOR reads a body that must be one CBOR map. What it returns shares no
// memory with body.
func parseCBOR(body []byte) (value, error) {
	if !(&cborScanner{b: body}).fewItems(maxItems) {
		return value{}, errSyntax
	}
	var item any
	if err := cborDecoding.Unmarshal(body, &item); err != nil {
		return value{}, errSyntax
	}
	values := 0
	v := fromCBOR(item, &values)
	if v.kind != mapValue || values > maxValues {
		return value{}, errSyntax
	}
	return v, nil
}

// fromCBOR returns what the library made of an item as a value, and counts the
// values in it.
func fromCBOR(item any, values *int) value {
	*values++
	switch x := item.(type) {
	case bool:
		if x {
			return value{kind: trueValue}
		}
		return value{kind: falseValue}
	case string:
		return value{kind: textValue, text: x}
	case []byte:
		return value{kind: bytesValue, bytes: x}
	case time.Time:
		return value{kind: timeValue, time: fromCBORTime(x)}
	case []any:
		v := value{kind: listValue, items: make([]value, len(x))}
		for i := range x {
			v.items[i] = fromCBOR(x[i], values)
		}
		return v
	case map[any]any:
		return fromCBORMap(x, values)
	}
	return fromCBORNumber(item)
}

// fromCBORMap orders the members by name, because the library does not tell the
// order they came in. Keys that are no text cannot be members and are left out.
func fromCBORMap(items map[any]any, values *int) value {
	v := value{kind: mapValue}
	for key, item := range items {
		if name, ok := key.(string); ok {
			v.members = append(v.members, member{name, fromCBOR(item, values)})
		}
	}
	slices.SortFunc(v.members, func(a, b member) int {
		switch {
		case a.name < b.name:
			return -1
		case a.name > b.name:
			return 1
		}
		return 0
	})
	return v
}

// fromCBORNumber returns a number, and null for what no shape takes.
func fromCBORNumber(item any) value {
	switch x := item.(type) {
	case uint64:
		return value{kind: numberValue, number: float64(x)}
	case int64:
		return value{kind: numberValue, number: float64(x)}
	case float64:
		return value{kind: numberValue, number: x}
	case float32:
		return value{kind: numberValue, number: float64(x)}
	case big.Int:
		f, _ := new(big.Float).SetInt(&x).Float64()
		return value{kind: numberValue, number: f}
	}
	return value{}
}

// fromCBORTime puts right what the library takes for seconds: tag 1 holds
// milliseconds here, against the CBOR standard.
func fromCBORTime(t time.Time) time.Time {
	ms := float64(t.Unix()) + float64(t.Nanosecond())/1e9
	return time.UnixMilli(int64(math.Round(min(max(ms, minSeconds*1000), maxSeconds*1000)))).UTC()
}
