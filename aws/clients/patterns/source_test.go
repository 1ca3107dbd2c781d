package patterns_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// A source makes patterns and events of few names and values, so that they meet.
type source struct{ *rand.Rand }

func (r source) of(s ...string) string { return s[r.IntN(len(s))] }

func (r source) list(least, most int, one func() string) string {
	n := least + r.IntN(most-least+1)
	parts := make([]string, n)
	for i := range parts {
		parts[i] = one()
	}
	return strings.Join(parts, ",")
}

func (r source) name() string {
	return r.of(`"a"`, `"b"`, `"c"`, `"a.b"`, `"b"`, `"a"`, `"c.b"`, `"\u0061"`)
}
func (r source) str() string {
	return r.of(`"x"`, `"xy"`, `"XY"`, `""`, `"yx"`, `"ä"`, `"Ä"`, `"10.0.0.7"`, `"300"`, `"x*"`, `"\u0078"`, `"010.0.0.7"`, `"2001:db8::1"`, `"ß"`,
		`"xyxyx"`, `"x\\y"`, `"K"`, `"k"`, `"null"`)
}
func (r source) num() string {
	return r.of("0", "-0.0", "1", "1.0", "5", "300", "3e2", "0.1", "0.10", "-7", "123456789012345678901234567890",
		"9007199254740993", "1e400", "1E-400", "-1.5e-3", "-0.0015", "0.30000000000000004")
}
func (r source) scalar() string {
	return r.of(r.str(), r.str(), r.num(), r.num(), "true", "false", "null", r.of(`"x😀y"`, `"\ud83d\ude00"`))
}

func (r source) pattern(depth int) string {
	return "{" + r.list(min(1, r.IntN(40)), 2, func() string {
		switch n := r.IntN(8); {
		case n == 0:
			return `"$or":[` + r.list(2-min(1, 1/(1+r.IntN(20))), 3, func() string { return r.pattern(depth - 1) }) + "]"
		case n < 4 && depth > 0:
			return r.name() + ":" + r.pattern(depth-1)
		}
		return r.name() + ":[" + r.list(min(1, r.IntN(60)), 2, r.element) + "]"
	}) + "}"
}

func (r source) element() string {
	values := func() string { return r.of(r.str(), "["+r.list(1, 2, r.str)+"]") }
	switch r.IntN(14) {
	case 0:
		return fmt.Sprintf(`{"prefix":%s}`, r.of(r.str(), r.str(), `{"equals-ignore-case":`+r.str()+`}`, "1"))
	case 1:
		return fmt.Sprintf(`{"suffix":%s}`, r.of(r.str(), r.str(), `{"equals-ignore-case":`+r.str()+`}`))
	case 2:
		return fmt.Sprintf(`{"equals-ignore-case":%s}`, r.str())
	case 3:
		return fmt.Sprintf(`{"wildcard":%s}`, r.of(`"x*"`, `"*"`, `"*y"`, `"x*x"`, `"*x*"`, `""`, `"x\\*"`, `"x**"`, `"*x*y*x"`, `"*ä"`, `"*😀*"`, `"x\\\\y"`, `"x\\y"`))
	case 4:
		op := r.of(">", ">=", "<", "<=", "=")
		return fmt.Sprintf(`{"numeric":["%s",%s%s]}`, op, r.num(), r.of("", "", fmt.Sprintf(`,"%s",%s`, r.of("<", "<="), r.num())))
	case 5, 6:
		return r.of(`{"exists":true}`, `{"exists":false}`)
	case 7:
		return fmt.Sprintf(`{"anything-but":%s}`, r.of(values(), r.num(), "["+r.list(1, 2, r.num)+"]", "["+r.list(0, 2, r.scalar)+"]"))
	case 8:
		return fmt.Sprintf(`{"anything-but":{"%s":%s}}`, r.of("prefix", "suffix", "equals-ignore-case", "wildcard"), values())
	case 9:
		return fmt.Sprintf(`{"cidr":"%s"}`, r.of("10.0.0.0/24", "11.0.0.0/8", "2001:db8::/32", "10.0.0.7/32", "10.0.0.7/31", "2001:db8::/128", "x/8"))
	}
	return r.scalar()
}

func (r source) event(depth int) string {
	used := map[string]bool{}
	members := []string{}
	for range 1 + r.IntN(4) {
		name := r.name()
		if read := strings.ReplaceAll(name, `\u0061`, "a"); !used[read] {
			used[read] = true
			members = append(members, name+":"+r.value(depth-1))
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (r source) value(depth int) string {
	switch n := r.IntN(8); {
	case n < 2 && depth > 0:
		return r.event(depth)
	case n < 4 && depth > 0:
		return "[" + r.list(0, 3, func() string { return r.value(depth - 1) }) + "]"
	}
	return r.scalar()
}
