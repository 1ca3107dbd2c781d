package delivery

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/weirstream/weir"
)

// JSONPaths returns a [Partitioner] that takes keys out of records that are JSON:
// the path of each by its name, such as {"customer": "$.customer.id"}. A path is
// "$", which may be left out, and steps: .name, ["any name"], and [index] from 0.
// What it leads to must be a string, a number, true or false; everything else is
// an error of the record, and so is a record with something behind its JSON.
// Numbers are as they are written.
func JSONPaths(paths map[string]string) (Partitioner, error) {
	p := &jsonPaths{names: slices.Sorted(maps.Keys(paths))}
	for _, name := range p.names {
		steps, err := parsePath(paths[name])
		if err != nil {
			return nil, &weir.ArgumentError{Field: "path of " + name, Reason: err.Error()}
		}
		p.steps = append(p.steps, steps)
	}
	if len(paths) == 0 {
		return nil, &weir.ArgumentError{Field: "paths", Reason: "are none"}
	}
	return p, nil
}

type jsonPaths struct {
	names []string
	steps [][]pathStep
}

// A pathStep is a name, or an index if that is not negative.
type pathStep struct {
	name  string
	index int
}

func (p *jsonPaths) Names() []string { return p.names }

func (p *jsonPaths) Keys(r *Record) (map[string]string, error) {
	decoder := json.NewDecoder(bytes.NewReader(r.Data))
	decoder.UseNumber()
	var document any
	if err := decoder.Decode(&document); err != nil {
		return nil, fmt.Errorf("the record is not JSON: %w", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, fmt.Errorf("there is something behind the record's JSON")
	}
	keys := make(map[string]string, len(p.names))
	for i, name := range p.names {
		value, err := follow(document, p.steps[i])
		if err != nil {
			return nil, fmt.Errorf("partition key %q: %w", name, err)
		}
		keys[name] = value
	}
	return keys, nil
}

// follow returns what a path leads to.
func follow(at any, steps []pathStep) (string, error) {
	for i, step := range steps {
		there := false
		switch v := at.(type) {
		case map[string]any:
			if step.index < 0 {
				at, there = v[step.name]
			}
		case []any:
			if there = step.index >= 0 && step.index < len(v); there {
				at = v[step.index]
			}
		}
		if !there {
			return "", fmt.Errorf("there is no %s", pathText(steps[:i+1]))
		}
	}
	switch v := at.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case bool:
		return strconv.FormatBool(v), nil
	}
	return "", fmt.Errorf("%s is no string, number, true or false", pathText(steps))
}

func pathText(steps []pathStep) string {
	text := "$"
	for _, s := range steps {
		if s.index >= 0 {
			text += fmt.Sprintf("[%d]", s.index)
		} else {
			text += fmt.Sprintf("[%q]", s.name)
		}
	}
	return text
}

// parsePath reads a path.
func parsePath(text string) (steps []pathStep, err error) {
	rest := strings.TrimPrefix(text, "$")
	for rest != "" {
		var step pathStep
		switch {
		case strings.HasPrefix(rest, `["`):
			quoted, err := strconv.QuotedPrefix(rest[1:])
			if err != nil || !strings.HasPrefix(rest[1+len(quoted):], "]") {
				return nil, fmt.Errorf("%q has a name in brackets that does not end", text)
			}
			name, _ := strconv.Unquote(quoted)
			step, rest = pathStep{name, -1}, rest[len(quoted)+2:]
		case rest[0] == '[':
			digits, behind, closed := strings.Cut(rest[1:], "]")
			n, err := strconv.Atoi(digits)
			if !closed || err != nil || n < 0 {
				return nil, fmt.Errorf("%q has [%s where an index or a name in quotes is expected", text, digits)
			}
			step, rest = pathStep{"", n}, behind
		case rest[0] == '.':
			end := strings.IndexAny(rest[1:], ".[") + 1
			if end == 0 {
				end = len(rest)
			}
			if end == 1 {
				return nil, fmt.Errorf("%q has a dot without a name", text)
			}
			step, rest = pathStep{rest[1:end], -1}, rest[end:]
		default:
			return nil, fmt.Errorf("%q does not begin with $, a dot or a bracket", text)
		}
		steps = append(steps, step)
	}
	if len(steps) == 0 {
		return nil, fmt.Errorf("%q leads nowhere", text)
	}
	return steps, nil
}
