package eventpattern

import (
	"slices"
	"strings"
)

const (
	// MaxPatternBytes is how long a pattern may be. Lambda takes 4,096.
	MaxPatternBytes = 64 << 10
	// MaxDepth is how many arrays and objects may lie within each other, in a
	// pattern and in an event.
	MaxDepth = 1000
	// MaxCombinations is how many combinations all $or of a pattern may make,
	// which is EventBridge's limit: two $or of 10 and 20 objects make 200.
	MaxCombinations = 1000
	// MaxFields is how many fields all combinations may have together.
	MaxFields = 1 << 16
	// MaxSteps, and 16 for each byte of the event, is how long Match may look for
	// elements of arrays that meet several fields at once. A step is about a value
	// that a combination of $or looks at; all of them take less than a second.
	MaxSteps = 1 << 24
)

const (
	stepsPerByte = 16
	stepsPerWord = 4 // so that memory is bounded by steps, too
)

// A Pattern is compiled. It is immutable: any number of goroutines may use it. The
// zero Pattern matches nothing.
type Pattern struct {
	root   *node
	fields []field
	ways   [][]item
}

// A field is a path that some alternative asks about.
type field struct {
	leaves []*leaf
	first  int // index of the first word of its leaves' bits
}

// A node is a step of a path; names are what dots part.
type node struct {
	names    []string
	children []*node
	field    int32 // -1: nothing ends here
	byName   map[string]*node
}

// An item is one field of one way to match, and which of its leaves it must meet.
type item struct{ field, leaf int32 }

// Compile reads a pattern. An error is a [*PatternError] and names place and rule.
// It takes time and memory in proportion to the pattern's length and the number
// of its combinations, both of which are limited.
func Compile(pattern []byte) (*Pattern, error) {
	c := &compiler{text: text{b: pattern}}
	if len(pattern) > MaxPatternBytes {
		c.where = "$"
		c.tooComplex(MaxPatternBytes, "the pattern has %d bytes, more than %d", len(pattern), MaxPatternBytes)
		return nil, c.err()
	}
	if !c.parse() {
		// What is not as $or must be can still be a field of that name.
		again := &compiler{text: text{b: pattern}, plainOr: true}
		if !c.sawOr || c.limit != nil || !again.parse() {
			return nil, c.err()
		}
		c = again
	}
	return build(c.branches), nil
}

func build(branches []branch) *Pattern {
	p := &Pattern{root: &node{field: -1}}
	words := 0
	leafIndex := map[int32]map[*leaf]int32{}
	paths := map[string]int32{}
	for _, b := range branches {
		way := make([]item, 0, len(b))
		names := make([]string, 0, len(b))
		for name := range b {
			names = append(names, name)
		}
		slices.Sort(names) // the order matters where a field must be absent
		for _, name := range names {
			f, ok := paths[name]
			if !ok {
				f = int32(len(p.fields))
				paths[name] = f
				p.fields = append(p.fields, field{})
				p.root.at(name).field = f
				leafIndex[f] = map[*leaf]int32{}
			}
			l, ok := leafIndex[f][b[name]]
			if !ok {
				l = int32(len(p.fields[f].leaves))
				leafIndex[f][b[name]] = l
				p.fields[f].leaves = append(p.fields[f].leaves, b[name])
			}
			way = append(way, item{f, l})
		}
		p.ways = append(p.ways, way)
	}
	for i := range p.fields {
		p.fields[i].first = words
		words += (len(p.fields[i].leaves) + 63) / 64
	}
	return p
}

// at returns the node of a path, which it makes.
func (n *node) at(path string) *node {
	for name := range strings.SplitSeq(path, ".") {
		n = n.make(name)
	}
	return n
}

func (n *node) make(name string) *node {
	if c := n.child([]byte(name)); c != nil {
		return c
	}
	c := &node{field: -1}
	n.names, n.children = append(n.names, name), append(n.children, c)
	if n.byName != nil {
		n.byName[name] = c
	} else if len(n.names) > 8 {
		n.byName = map[string]*node{}
		for i, name := range n.names {
			n.byName[name] = n.children[i]
		}
	}
	return c
}

func (n *node) child(name []byte) *node {
	if n.byName != nil {
		return n.byName[string(name)]
	}
	for i, s := range n.names {
		if s == string(name) {
			return n.children[i]
		}
	}
	return nil
}

// find follows the name of a member of an event, in which dots part steps, too.
func (n *node) find(name []byte) *node {
	begin := 0
	for i, c := range name {
		if c == '.' {
			if n = n.child(name[begin:i]); n == nil {
				return nil
			}
			begin = i + 1
		}
	}
	return n.child(name[begin:])
}
