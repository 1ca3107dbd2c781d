package kinesisserver

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxViolations is how many violations the service reports of one request.
const maxViolations = 10

// maxShownBytes is where the text of a value in a message ends: behind what the
// service was seen to show whole, iterators of 513 characters.
const maxShownBytes = 600

// validate checks v, whose types are right, against the constraints of a
// structure. It returns the text of a ValidationException that lists what is
// violated, or "".
func validate(v *value, sh *shape) string {
	var l violations
	l.structure("", v, sh)
	switch len(l) {
	case 0:
		return ""
	case 1:
		return "1 validation error detected: " + l[0]
	}
	return fmt.Sprintf("%d validation errors detected: %s", len(l), strings.Join(l, "; "))
}

// violations are the clauses of a message.
type violations []string

func (l violations) full() bool { return len(l) >= maxViolations }

func (l *violations) add(path string, v *value, sh *shape, constraint string) {
	if l.full() {
		return
	}
	shown := " null"
	switch {
	case v == nil:
	case isShown(v, sh):
		shown = " '" + show(v, sh) + "'"
	default:
		shown = ""
	}
	*l = append(*l, "Value"+shown+" at '"+path+"' failed to satisfy constraint: "+constraint)
}

// structure checks the members of a structure, in the order of the shape.
func (l *violations) structure(prefix string, v *value, sh *shape) {
	for i := range sh.members {
		m := &sh.members[i]
		path := prefix + lowerFirst(m.name)
		switch got := v.get(m.name); {
		case l.full():
			return
		case got != nil:
			l.value(path, got, m.shape)
		case m.required:
			l.add(path, nil, nil, "Member must not be null")
		}
	}
}

// value checks one value against its shape, and then what is in it.
func (l *violations) value(path string, v *value, sh *shape) {
	for _, broken := range broken(v, sh) {
		l.add(path, v, sh, broken)
	}
	switch sh.kind {
	case structureShape:
		l.structure(path+".", v, sh)
	case listShape:
		l.items(path, v, sh.elem)
	case mapShape:
		l.pairs(path, v, sh)
	}
}

// items checks the items of a list. Simple ones are reported together as a
// constraint on the list.
func (l *violations) items(path string, v *value, elem *shape) {
	for i := range v.items {
		item := &v.items[i]
		itemPath := path + "." + strconv.Itoa(i+1) + ".member"
		switch {
		case l.full():
			return
		case item.kind == nullValue:
			l.add(itemPath, nil, nil, "Member must not be null")
		case elem.kind >= listShape:
			l.value(itemPath, item, elem)
		case len(broken(item, elem)) > 0:
			l.add(path, v, &shape{kind: listShape, elem: elem},
				"Member must satisfy constraint: ["+strings.Join(constraints(elem), ", ")+"]")
			return
		}
	}
}

// pairs checks the keys and the values of a map, each kind reported once.
func (l *violations) pairs(path string, v *value, sh *shape) {
	badKey, badValue := false, false
	for i := range v.members {
		m := &v.members[i]
		if m.kind == nullValue {
			l.add(path+"."+clip(m.name)+".member", nil, nil, "Member must not be null")
			continue
		}
		badKey = badKey || len(broken(&value{kind: textValue, text: m.name}, sh.key)) > 0
		badValue = badValue || len(broken(&m.value, sh.elem)) > 0
	}
	if badKey {
		l.add(path, v, sh, "Map keys must satisfy constraint: ["+strings.Join(constraints(sh.key), ", ")+"]")
	}
	if badValue {
		l.add(path, v, sh, "Map value must satisfy constraint: ["+strings.Join(constraints(sh.elem), ", ")+"]")
	}
}

// broken returns the constraints that a value itself violates, in the service's
// order and words.
func broken(v *value, sh *shape) []string {
	var texts []string
	if sh.enum != nil && !slices.Contains(sh.enum, v.text) {
		texts = append(texts, enumText(sh))
	}
	if sh.pattern != nil && !sh.pattern.matches(v.text) {
		texts = append(texts, patternText(sh))
	}
	n, word, ok := measure(v, sh)
	if ok && n < sh.min {
		texts = append(texts, minText(sh, word))
	}
	if ok && n > sh.max {
		texts = append(texts, maxText(sh, word))
	}
	return texts
}

// constraints lists all constraints of a simple shape as the service lists
// those of items.
func constraints(sh *shape) []string {
	_, word, _ := measure(&value{}, sh)
	var texts []string
	if sh.max != noMax {
		texts = append(texts, maxText(sh, word))
	}
	if sh.min != noMin {
		texts = append(texts, minText(sh, word))
	}
	if sh.pattern != nil {
		texts = append(texts, patternText(sh))
	}
	if sh.enum != nil {
		texts = append(texts, enumText(sh))
	}
	return texts
}

func enumText(sh *shape) string {
	return "Member must satisfy enum value set: [" + strings.Join(sh.enum, ", ") + "]"
}

func patternText(sh *shape) string {
	return "Member must satisfy regular expression pattern: " + sh.pattern.text
}

func minText(sh *shape, word string) string {
	return "Member must have " + word + " greater than or equal to " + strconv.FormatInt(sh.min, 10)
}

func maxText(sh *shape, word string) string {
	return "Member must have " + word + " less than or equal to " + strconv.FormatInt(sh.max, 10)
}

// measure returns what the bounds of a shape apply to, and the word for it.
func measure(v *value, sh *shape) (n int64, word string, ok bool) {
	switch sh.kind {
	case stringShape:
		return int64(utf8.RuneCountInString(v.text)), "length", true
	case blobShape:
		return int64(len(v.bytes)), "length", true
	case listShape:
		return int64(len(v.items)), "length", true
	case mapShape:
		return int64(len(v.members)), "length", true
	case integerShape:
		return int64(v.integer()), "value", true
	}
	return 0, "", false
}

// isShown reports whether messages say what the value is. The service has ceased
// to for what it printed as Java objects: blobs, structures, and what holds some.
func isShown(v *value, sh *shape) bool {
	switch sh.kind {
	case blobShape, structureShape:
		return false
	case listShape:
		return len(v.items) == 0 || isShown(&v.items[0], sh.elem)
	}
	return true
}

// show renders a value as the service's messages do, in the way of Java.
func show(v *value, sh *shape) string {
	var b strings.Builder
	showTo(&b, v, sh)
	return clipTo(b.String(), maxShownBytes)
}

func showTo(b *strings.Builder, v *value, sh *shape) {
	switch {
	case b.Len() > maxShownBytes:
	case v.kind == nullValue:
		b.WriteString("null")
	case sh.kind == integerShape:
		b.WriteString(strconv.FormatInt(int64(v.integer()), 10))
	case sh.kind == listShape:
		showAll(b, "[", "]", len(v.items), func(i int) { showTo(b, &v.items[i], sh.elem) })
	case sh.kind == mapShape:
		showAll(b, "{", "}", len(v.members), func(i int) {
			b.WriteString(clip(v.members[i].name))
			b.WriteByte('=')
			showTo(b, &v.members[i].value, sh.elem)
		})
	default:
		b.WriteString(clipTo(v.text, maxShownBytes))
	}
}

func showAll(b *strings.Builder, open, closing string, n int, show func(i int)) {
	b.WriteString(open)
	for i := range n {
		if b.Len() > maxShownBytes {
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		show(i)
	}
	b.WriteString(closing)
}

// lowerFirst returns a member's name as messages show it.
func lowerFirst(name string) string { return strings.ToLower(name[:1]) + name[1:] }
