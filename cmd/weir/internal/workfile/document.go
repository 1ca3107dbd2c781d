package workfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// A document is what a file says, as JSON, and where it says it.
type document struct {
	json  []byte
	lines map[string]int // by the path of a field, such as "traffic[0].rate"
}

// readDocument reads YAML, of which JSON is a part. Errors begin with the line
// and a colon: "12: …".
func readDocument(text []byte) (document, error) {
	d := document{lines: make(map[string]int)}
	tokens := lexer.Tokenize(string(text))
	if err := checkDepth(tokens); err != nil {
		return d, err
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil {
		return d, lineError(err)
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.CommentType {
			bodies = append(bodies, doc.Body)
		}
	}
	switch len(bodies) {
	case 0:
		return d, errors.New(" is empty")
	case 1:
		return d, d.write(bodies[0], "", 0)
	default:
		return d, at(bodies[1], "a second document; a file has one workload")
	}
}

// maxDepth is how deep values may be nested; a workload needs six.
const maxDepth = 64

// checkDepth refuses brackets, and dashes on a line, that are nested too deep. The
// parser would take memory with the square of their number: gigabytes for 40 kB.
func checkDepth(tokens token.Tokens) error {
	brackets, dashes, line := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			dashes, line = 0, t.Position.Line
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			brackets++
		case token.SequenceEndType, token.MappingEndType:
			brackets = max(0, brackets-1)
		case token.SequenceEntryType, token.MappingKeyType:
			dashes++
		}
		if max(brackets, dashes) > maxDepth {
			return atToken(t, tooDeep)
		}
	}
	return nil
}

// tooDeep is said of what is nested deeper than maxDepth.
var tooDeep = fmt.Sprintf("nested more than %d deep", maxDepth)

// write appends a value and remembers the lines of what is in it.
func (d *document) write(n ast.Node, path string, depth int) error {
	if depth > maxDepth {
		return at(n, "%s", tooDeep)
	}
	d.mark(path, n)
	switch n := n.(type) {
	case *ast.MappingNode:
		return d.writeObject(n, n.Values, path, depth)
	case *ast.MappingValueNode:
		return d.writeObject(n, []*ast.MappingValueNode{n}, path, depth)
	case *ast.SequenceNode:
		return d.writeList(n, path, depth)
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		return at(n, "anchors, aliases and merges are not read here; write the value out")
	case *ast.TagNode:
		return at(n, "tags such as %s are not read here", n.Start.Value)
	default:
		return d.writeScalar(n)
	}
}

// mark remembers the line of a path; the first one counts, which is that of its
// name.
func (d *document) mark(path string, n ast.Node) {
	if _, known := d.lines[path]; !known && n.GetToken() != nil {
		d.lines[path] = n.GetToken().Position.Line
	}
}

func (d *document) writeObject(n ast.Node, values []*ast.MappingValueNode, path string, depth int) error {
	d.json = append(d.json, '{')
	seen := make(map[string]bool, len(values))
	for i, v := range values {
		if v.Key.Type() == ast.MergeKeyType {
			return at(v.Key, "anchors, aliases and merges are not read here; write the value out")
		}
		name := keyText(v.Key)
		if seen[name] {
			return at(v.Key, "%s: given twice", join(path, name))
		}
		seen[name] = true
		if i > 0 {
			d.json = append(d.json, ',')
		}
		d.text(name)
		d.json = append(d.json, ':')
		d.mark(join(path, name), v.Key)
		if err := d.write(v.Value, join(path, name), depth+1); err != nil {
			return err
		}
	}
	d.json = append(d.json, '}')
	return nil
}

// keyText returns the name of a field.
func keyText(key ast.MapKeyNode) string {
	if s, ok := key.(*ast.StringNode); ok {
		return s.Value
	}
	return key.GetToken().Value
}

// join returns the path of a field of what is at path.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func (d *document) writeList(n *ast.SequenceNode, path string, depth int) error {
	d.json = append(d.json, '[')
	for i, v := range n.Values {
		if i > 0 {
			d.json = append(d.json, ',')
		}
		if err := d.write(v, fmt.Sprintf("%s[%d]", path, i), depth+1); err != nil {
			return err
		}
	}
	d.json = append(d.json, ']')
	return nil
}

func (d *document) writeScalar(n ast.Node) error {
	switch n := n.(type) {
	case *ast.StringNode:
		if n.Token.Type == token.StringType && isNumber(n.Value) { // 1e6, which is text to YAML
			d.json = append(d.json, n.Value...)
			return nil
		}
		d.text(n.Value)
	case *ast.LiteralNode:
		d.text(n.Value.Value)
	case *ast.BoolNode:
		d.json = strconv.AppendBool(d.json, n.Value)
	case *ast.NullNode:
		d.json = append(d.json, "null"...)
	case *ast.IntegerNode:
		d.json = fmt.Append(d.json, n.Value)
	case *ast.FloatNode:
		return d.number(n)
	default:
		return at(n, "%s is neither text, nor a number, nor a list, nor fields with values", n.String())
	}
	return nil
}

// number appends a number as it is written, if JSON writes it so too: 1e3 stays
// what it is.
func (d *document) number(n *ast.FloatNode) error {
	if math.IsInf(n.Value, 0) || math.IsNaN(n.Value) {
		return at(n, "%s is no number", n.String())
	}
	if text := n.GetToken().Value; json.Valid([]byte(text)) {
		d.json = append(d.json, text...)
		return nil
	}
	d.json = strconv.AppendFloat(d.json, n.Value, 'g', -1, 64)
	return nil
}

// isNumber reports whether JSON takes a text for a number.
func isNumber(text string) bool {
	return text != "" && (text[0] == '-' || text[0] >= '0' && text[0] <= '9') && json.Valid([]byte(text))
}

// text appends a string.
func (d *document) text(s string) {
	quoted, _ := json.Marshal(s) // a string always can be
	d.json = append(d.json, quoted...)
}

// lineOf returns the line of a field, or of the nearest one around it that there
// is, or 0.
func (d document) lineOf(path string) int {
	for {
		if line := d.lines[path]; line > 0 {
			return line
		}
		end := strings.LastIndexAny(path, ".[")
		if end < 0 {
			return 0
		}
		path = path[:end]
	}
}

// at returns an error about the line of a node.
func at(n ast.Node, format string, args ...any) error {
	return atToken(n.GetToken(), fmt.Sprintf(format, args...))
}

func atToken(t *token.Token, message string) error {
	if t == nil || t.Position == nil {
		return errors.New(" " + message)
	}
	return fmt.Errorf("%d: %s", t.Position.Line, message)
}

// lineError returns an error of the parser on one line, without the excerpt that
// it draws.
func lineError(err error) error {
	var bad yaml.Error
	if errors.As(err, &bad) {
		return atToken(bad.GetToken(), bad.GetMessage())
	}
	return fmt.Errorf(" %w", err)
}
