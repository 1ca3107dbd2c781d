package parquet

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ParseSchema reads a schema, in the words in which Hive, Athena and AWS Glue
// describe the columns of a table:
//
//	id bigint not null, at timestamp, tags array<string>,
//	user struct<name:string, age:int>, `odd name` decimal(12,2)
//
// A column is a name and a type, with a comma between columns, and a colon
// instead of the space in a struct. White space and new lines stand where one
// likes; words are read in lower and upper case. A name of other characters than
// letters, digits and _ stands in back quotes. The types:
//
//	boolean
//	tinyint, smallint, int, bigint     whole numbers of 8, 16, 32 and 64 bits
//	float, double                      of 32 and 64 bits
//	decimal(precision, scale)          1 to 38 digits, of which scale are a fraction
//	string                             varchar(n) and char(n) are read as string
//	binary                             bytes, in base64 in JSON
//	date                               "2006-01-02"
//	timestamp, timestamp(3), (6), (9)  an instant, in microseconds or what is said
//	json                               any value, as its text
//	array<T>, map<string,T>, struct<name:T, …>
//
// "not null" behind a type says that a record without a value there does not
// fit. The error of a text that is no schema says where. A schema has at least one column, at most
// [MaxColumns], and is at most [MaxDepth] deep.
func ParseSchema(text string) (*Schema, error) {
	p := schemaParser{text: text, rest: text}
	fields, err := p.fields(0, "")
	if err == nil && p.space() && p.rest != "" {
		err = fmt.Errorf("a comma is expected before %q", preview(p.rest))
	}
	if err != nil {
		return nil, fmt.Errorf("schema, at byte %d: %w", len(text)-len(p.rest), err)
	}
	n := 0
	for _, c := range fields {
		n += c.leaves()
	}
	if n > MaxColumns {
		return nil, fmt.Errorf("schema: %d columns, and at most %d are allowed", n, MaxColumns)
	}
	return &Schema{fields: fields}, nil
}

type schemaParser struct{ text, rest string }

func (p *schemaParser) space() bool {
	p.rest = strings.TrimLeft(p.rest, " \t\r\n")
	return true
}

func (p *schemaParser) take(token string) bool {
	p.space()
	rest, ok := strings.CutPrefix(p.rest, token)
	if ok {
		p.rest = rest
	}
	return ok
}

func (p *schemaParser) expect(token string) error {
	if p.take(token) {
		return nil
	}
	return fmt.Errorf("%s is expected before %q", token, preview(p.rest))
}

// word consumes letters, digits and _.
func (p *schemaParser) word() string {
	p.space()
	end := strings.IndexFunc(p.rest, func(r rune) bool {
		return r != '_' && (r < '0' || '9' < r) && (r|0x20 < 'a' || 'z' < r|0x20)
	})
	if end < 0 {
		end = len(p.rest)
	}
	word := p.rest[:end]
	p.rest = p.rest[end:]
	return word
}

func (p *schemaParser) name() (string, error) {
	if !p.take("`") {
		if name := p.word(); name != "" {
			return name, checkName(name)
		}
		return "", fmt.Errorf("the name of a column is expected before %q", preview(p.rest))
	}
	var name strings.Builder
	for {
		part, rest, ok := strings.Cut(p.rest, "`")
		if !ok {
			return "", fmt.Errorf("a back quote is missing behind %q", preview(p.rest))
		}
		name.WriteString(part)
		p.rest = rest
		if p.rest == "" || p.rest[0] != '`' {
			break
		}
		name.WriteByte('`')
		p.rest = p.rest[1:]
	}
	if err := checkName(name.String()); err != nil {
		return "", err
	}
	return name.String(), nil
}

// fields reads columns up to what stands behind the last: a colon is between
// name and type in a struct.
func (p *schemaParser) fields(depth int, colon string) ([]*column, error) {
	var fields []*column
	for {
		name, err := p.name()
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(fields, func(c *column) bool { return c.name == name }) {
			return nil, fmt.Errorf("there are two columns %q", name)
		}
		if err := p.expect(colon); err != nil {
			return nil, err
		}
		c, err := p.column(depth)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", name, err)
		}
		c.name = name
		if fields = append(fields, c); len(fields) > MaxColumns {
			return nil, fmt.Errorf("more than %d columns", MaxColumns)
		}
		if !p.take(",") {
			return fields, nil
		}
	}
}

func (p *schemaParser) column(depth int) (*column, error) {
	word := strings.ToLower(p.word())
	if word == "" {
		return nil, fmt.Errorf("a type is expected before %q", preview(p.rest))
	}
	c := &column{digits: 6}
	err := p.ofType(c, word, depth)
	if err != nil {
		return nil, err
	}
	if c.kind != kindTimestamp && c.kind != kindDecimal {
		c.digits = 0
	}
	before := p.rest
	if strings.EqualFold(p.word(), "not") {
		if !strings.EqualFold(p.word(), "null") {
			return nil, fmt.Errorf("null is expected behind not, before %q", preview(p.rest))
		}
		c.required = true
	} else {
		p.rest = before
	}
	return c, nil
}

func (p *schemaParser) ofType(c *column, word string, depth int) (err error) {
	if word == "varchar" || word == "char" {
		c.kind = kindString
		_, err := p.numbers(1, 1)
		return err
	}
	i := slices.IndexFunc(kindNames[:], func(names []string) bool { return slices.Contains(names, word) })
	if i < 0 {
		return fmt.Errorf("there is no type %q", preview(word))
	}
	c.kind = kind(i)
	if c.kind.nested() && depth == MaxDepth {
		return fmt.Errorf("more than %d types in each other", MaxDepth)
	}
	switch c.kind {
	case kindDecimal:
		return p.decimal(c)
	case kindTimestamp:
		return p.timestamp(c)
	case kindStruct:
		if err := p.expect("<"); err != nil {
			return err
		}
		if c.fields, err = p.fields(depth+1, ":"); err != nil {
			return err
		}
		return p.expect(">")
	case kindArray, kindMap:
		return p.container(c, depth)
	}
	return nil
}

func (p *schemaParser) container(c *column, depth int) error {
	if err := p.expect("<"); err != nil {
		return err
	}
	if c.kind == kindMap {
		if word := p.word(); !strings.EqualFold(word, "string") {
			return fmt.Errorf("the keys of a map are string, not %q", preview(word))
		}
		if err := p.expect(","); err != nil {
			return err
		}
	}
	element, err := p.column(depth + 1)
	if err != nil {
		return err
	}
	c.fields = []*column{element}
	return p.expect(">")
}

func (p *schemaParser) decimal(c *column) error {
	n, err := p.numbers(0, 2)
	if err != nil {
		return err
	}
	c.digits, c.scale = 10, 0 // Hive's, if nothing is said
	if len(n) > 0 {
		c.digits = n[0]
	}
	if len(n) > 1 {
		c.scale = n[1]
	}
	if c.digits < 1 || c.digits > 38 {
		return fmt.Errorf("a decimal of %d digits, and 1 to 38 are allowed", c.digits)
	}
	if c.scale > c.digits {
		return fmt.Errorf("a decimal of %d digits with a scale of %d", c.digits, c.scale)
	}
	return nil
}

func (p *schemaParser) timestamp(c *column) error {
	n, err := p.numbers(0, 1)
	if err != nil || len(n) == 0 {
		return err
	}
	if c.digits = n[0]; c.digits != 3 && c.digits != 6 && c.digits != 9 {
		return fmt.Errorf("a timestamp has 3, 6 or 9 digits of a second, not %d", c.digits)
	}
	return nil
}

// numbers reads that many numbers in parentheses; none without parentheses, if
// that is allowed.
func (p *schemaParser) numbers(least, most int) ([]int, error) {
	if !p.take("(") {
		if least > 0 {
			return nil, p.expect("(")
		}
		return nil, nil
	}
	var numbers []int
	for {
		word := p.word()
		n, err := strconv.ParseUint(word, 10, 16)
		if err != nil {
			return nil, fmt.Errorf("%q is no number up to 65535", preview(word))
		}
		if numbers = append(numbers, int(n)); len(numbers) == most || !p.take(",") {
			return numbers, p.expect(")")
		}
	}
}

// checkName tells whether a column can have the name.
func checkName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("the name of a column is empty")
	case len(name) > maxNameLength:
		return fmt.Errorf("the name %q has %d bytes, and a column's at most %d", preview(name), len(name), maxNameLength)
	}
	return nil
}

// maxNameLength is what catalogs of tables allow.
const maxNameLength = 255
