package workload

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/weirstream/weir"
)

// Parse reads a workload from JSON and validates it. Names are exact: one that is
// unknown is an error, with the path of its field. null is as if the field were not
// there. Defaults are not filled in: see [Workload.WithDefaults].
//
// Whatever is wrong with a field is a [*weir.ArgumentError].
func Parse(data []byte) (Workload, error) {
	var w Workload
	if err := unmarshal(data, &w); err != nil {
		return Workload{}, err
	}
	if err := w.Validate(); err != nil {
		return Workload{}, err
	}
	return w, nil
}

// unmarshal reads JSON into what v points to, strictly.
func unmarshal(data []byte, v any) error {
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		return syntaxError(data, err)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	n, err := readNode(decoder, "")
	if err != nil {
		return err
	}
	return n.decode("", v)
}

// syntaxError says where in the text JSON is broken.
func syntaxError(data []byte, err error) error {
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return err
	}
	before := data[:min(max(0, int(syntax.Offset)-1), len(data))]
	line := 1 + bytes.Count(before, []byte("\n"))
	column := len(before) - bytes.LastIndexByte(before, '\n')
	return fmt.Errorf("line %d, column %d: %w", line, column, err)
}

// UnmarshalJSON reads an object, or a quantity as a constant rate, or "max".
func (r *Rate) UnmarshalJSON(data []byte) error { return unmarshal(data, r) }

// UnmarshalJSON reads an object, or a number as Count.
func (k *Keys) UnmarshalJSON(data []byte) error { return unmarshal(data, k) }

// UnmarshalJSON reads an object, or a quantity as a fixed size.
func (z *Sizes) UnmarshalJSON(data []byte) error { return unmarshal(data, z) }

// A plain type has the fields of another one without its methods, or encoding/json
// would call them again and again.
type (
	plainRate  Rate
	plainKeys  Keys
	plainSizes Sizes
)

// MarshalJSON writes a constant rate as text such as "1500/s", the highest possible
// one as "max", and all others as an object.
func (r Rate) MarshalJSON() ([]byte, error) {
	switch {
	case r.shapes() == 1 && r.Constant != 0:
		return json.Marshal(PerSecond(r.Constant).String())
	case r.shapes() == 1 && r.Max:
		return json.Marshal(wordMax)
	default:
		return json.Marshal(plainRate(r))
	}
}

// MarshalJSON writes keys that are all alike as their number, and others as an
// object.
func (k Keys) MarshalJSON() ([]byte, error) {
	if k.Count != 0 && k.Zipf == 0 && len(k.Hot) == 0 && !k.Unique && k.File == "" && len(k.Weighted) == 0 {
		return json.Marshal(k.Count)
	}
	return json.Marshal(plainKeys(k))
}

// MarshalJSON writes a fixed size as text such as "1KiB", and others as an object.
func (z Sizes) MarshalJSON() ([]byte, error) {
	if z.Fixed != 0 && z.Min == 0 && z.Max == 0 && z.Median == 0 && z.Mean == 0 && z.Spread == 0 && len(z.Weighted) == 0 {
		return json.Marshal(z.Fixed)
	}
	return json.Marshal(plainSizes(z))
}

const wordMax = "max"

// A shorthand can be written as text or a number instead of an object.
type shorthand interface {
	setShorthand(text string) error
}

func (r *Rate) setShorthand(text string) error {
	if text == wordMax {
		*r = Rate{Max: true}
		return nil
	}
	constant, err := ParsePerSecond(text)
	*r = Rate{Constant: float64(constant)}
	if err != nil {
		return fmt.Errorf("%w, the word %q, or an object", err, wordMax)
	}
	return nil
}

func (k *Keys) setShorthand(text string) error {
	n, err := parseInteger(text)
	if err != nil {
		return fmt.Errorf("%q is no number of keys; expected a number such as 10000, or an object", text)
	}
	if n == 0 {
		return errors.New("0 keys are too few")
	}
	*k = Keys{Count: int(n)}
	return nil
}

func (z *Sizes) setShorthand(text string) error {
	size, err := ParseSize(text)
	if err == nil && size == 0 {
		return errors.New(`for records without data give {"weighted": [{"bytes": 0}]}`)
	}
	*z = Sizes{Fixed: size}
	return err
}

func fieldError(path, format string, args ...any) error {
	if path == "" {
		path = "workload"
	}
	return &weir.ArgumentError{Field: path, Reason: fmt.Sprintf(format, args...)}
}
