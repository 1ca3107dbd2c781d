package eventbridge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The limits of a transformer.
const (
	MaxVariables     = 100  // paths
	MaxTemplateBytes = 8192 // of the template
	maxVariableBytes = 256  // of a variable's name
)

// The variables that a template has without a path.
const (
	ruleARN       = "aws.events.rule-arn"
	ruleName      = "aws.events.rule-name"
	ingestionTime = "aws.events.event.ingestion-time"
	whole         = "aws.events.event.json" // the event
	envelope      = "aws.events.event"      // the event without its detail
)

var predefined = []string{ruleARN, ruleName, ingestionTime, whole, envelope}

// A Transformer makes the data of a record from parts of an event: those that
// paths find are put into a template where their variables stand, <so>.
//
// The template is JSON, a string among others. A variable that is a value by
// itself becomes the value as the event has it, a string with its quotation
// marks. Within a string it becomes the string's characters, which are not
// escaped, or the JSON of another value without quotation marks. A variable
// whose path finds nothing is "" as a value, and nothing within a string.
// Blanks between the parts of the template go.
//
// These need no path: <aws.events.rule-arn>, <aws.events.rule-name>,
// <aws.events.event.ingestion-time>, and, not within strings,
// <aws.events.event.json>, which is the event, and <aws.events.event>, the
// event without its detail and with detailType for detail-type.
type Transformer struct {
	pieces []piece
}

// A piece is text, or a variable.
type piece struct {
	text     string
	variable string // empty if it is text
	inString bool
	path     path // of a variable that is not predefined
}

// NewTransformer reads a template and the paths of its variables, which may be
// none. Names of variables have letters, digits, '-' and '_', and do not begin
// with "AWS.".
func NewTransformer(paths map[string]string, template string) (*Transformer, error) {
	if len(paths) > MaxVariables {
		return nil, fmt.Errorf("input transformer: %w: it has %d paths, more than %d", ErrInvalid, len(paths), MaxVariables)
	}
	parsed := map[string]path{}
	for name, text := range paths {
		if err := checkVariable(name); err != nil {
			return nil, err
		}
		p, err := parsePath(text, false)
		if err != nil {
			return nil, fmt.Errorf("input transformer: variable %s: %w", name, err)
		}
		parsed[name] = p
	}
	if n := len(template); n == 0 || n > MaxTemplateBytes {
		return nil, fmt.Errorf("input template: %w: it has %d bytes, not 1 to %d", ErrInvalid, n, MaxTemplateBytes)
	}
	t := &Transformer{}
	if err := t.read(template, parsed); err != nil {
		return nil, fmt.Errorf("input template: %w: %w", ErrInvalid, err)
	}
	return t, t.check()
}

func checkVariable(name string) error {
	reserved := len(name) >= 4 && strings.EqualFold(name[:4], "aws.")
	if name == "" || len(name) > maxVariableBytes || reserved || strings.ContainsFunc(name, func(r rune) bool { return r == '/' || notInName(r) }) {
		return fmt.Errorf("input transformer: %w: %.80q is no name of a variable: 1 to %d letters, digits, '-' and '_', and does not begin with AWS",
			ErrInvalid, name, maxVariableBytes)
	}
	return nil
}

// read takes a template apart.
func (t *Transformer) read(template string, paths map[string]path) error {
	inString, begin := false, 0
	for i := 0; i < len(template); i++ {
		switch c := template[i]; {
		case c == '\\' && inString:
			i++ // what is escaped is no end
		case c == '"':
			inString = !inString
		case c == '<':
			name, _, closed := strings.Cut(template[i+1:], ">")
			if !closed {
				continue // there is no other way to write a <
			}
			p, known := paths[name]
			isPredefined := slices.Contains(predefined, name)
			switch {
			case !known && !isPredefined:
				return fmt.Errorf("it contains the invalid placeholder %.80s", name)
			case inString && (name == whole || name == envelope):
				return fmt.Errorf("<%s> stands within a string, at byte %d", name, i)
			}
			t.pieces = append(t.pieces, piece{text: template[begin:i]}, piece{variable: name, inString: inString, path: p})
			i += len(name) + 1
			begin = i + 1
		}
	}
	t.pieces = append(t.pieces, piece{text: template[begin:]})
	return nil
}

// check says whether the template is JSON with any values for its variables,
// and no name of a field has one.
func (t *Transformer) check() error {
	sample := t.fill(func(p piece) string {
		if p.inString {
			return marker
		}
		return `"` + marker + `"`
	})
	var v any
	if err := json.Unmarshal([]byte(sample), &v); err != nil {
		return fmt.Errorf("input template: %w: it is no JSON: %w", ErrInvalid, err)
	}
	if variableAsName(v) {
		return fmt.Errorf("input template: %w: a placeholder is the name of a field", ErrInvalid)
	}
	return nil
}

// marker stands for variables in the sample, and comes in no template: it has a
// character that paths and names have not, and that a reader of JSON takes.
const marker = "\uE000variable\uE000"

func variableAsName(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			if strings.Contains(name, marker) || variableAsName(value) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, variableAsName)
	}
	return false
}

func (t *Transformer) fill(value func(piece) string) string {
	var b strings.Builder
	for _, p := range t.pieces {
		if p.variable == "" {
			b.WriteString(p.text)
		} else {
			b.WriteString(value(p))
		}
	}
	return b.String()
}

// Apply returns what becomes of an event that a rule of a name and an ARN took
// in at a time. An error, which matches [ErrInvalid], says that the result is
// no JSON.
func (t *Transformer) Apply(event []byte, rule, arn string, ingested time.Time) ([]byte, error) {
	out, err := compact([]byte(t.fill(func(p piece) string {
		var value json.RawMessage
		switch p.variable {
		case ruleName:
			value = quote(rule)
		case ruleARN:
			value = quote(arn)
		case ingestionTime:
			value = quote(ingested.UTC().Format("2006-01-02T15:04:05Z"))
		case whole:
			value = event
		case envelope:
			value = withoutDetail(event)
		default:
			found, ok := p.path.find(event)
			if value = found; !ok {
				value = json.RawMessage(`""`)
			}
		}
		if p.inString {
			return withinString(value)
		}
		return string(value)
	})))
	if err != nil {
		return nil, fmt.Errorf("what the input transformer made: %w: it is no JSON: %w", ErrInvalid, err)
	}
	return out, nil
}

func quote(s string) json.RawMessage {
	text, _ := marshal(s) // a string can always be written
	return text
}

func withinString(value json.RawMessage) string {
	var s string
	if json.Unmarshal(value, &s) == nil && !bytes.Equal(value, []byte("null")) {
		return s
	}
	text, err := compact(value)
	if err != nil {
		return ""
	}
	return strings.ReplaceAll(string(text), `"`, "")
}

// withoutDetail returns the event's other fields, in the event's order.
func withoutDetail(event []byte) json.RawMessage {
	var b bytes.Buffer
	d := json.NewDecoder(bytes.NewReader(event))
	d.Token() // Send has seen that it is an object
	for d.More() {
		name, _ := d.Token()
		var v json.RawMessage
		if d.Decode(&v) != nil {
			break
		}
		switch name {
		case "detail":
			continue
		case "detail-type":
			name = "detailType"
		}
		if b.Len() == 0 {
			b.WriteByte('{')
		} else {
			b.WriteByte(',')
		}
		text, _ := marshal(name)
		b.Write(text)
		b.WriteByte(':')
		b.Write(v)
	}
	if b.Len() == 0 {
		b.WriteByte('{')
	}
	b.WriteByte('}')
	return b.Bytes()
}
