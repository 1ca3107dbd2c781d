package main

import (
	"fmt"
	"go/types"
	"maps"
	"slices"
	"strings"
)

// An arrow goes from the file that uses a name to the file that defines it.
type arrow struct{ from, to string }

// arrows are the uses of package-level names, methods and fields of other files of
// the package: by arrow, how often each name is used.
func (u *unit) arrows() map[arrow]map[string]int {
	arrows := make(map[arrow]map[string]int)
	for id, o := range u.info.Uses {
		if o.Pkg() != u.pkg || !o.Pos().IsValid() || !outlivesFunctions(u.pkg, o) {
			continue
		}
		a := arrow{u.base(id.Pos()), u.base(o.Pos())}
		if a.from == a.to {
			continue
		}
		if arrows[a] == nil {
			arrows[a] = make(map[string]int)
		}
		arrows[a][o.Name()]++
	}
	return arrows
}

// outlivesFunctions reports whether an object is known in other files at all.
func outlivesFunctions(pkg *types.Package, o types.Object) bool {
	switch o := o.(type) {
	case *types.Func:
		return true
	case *types.Var:
		return o.IsField() || o.Parent() == pkg.Scope()
	}
	return o.Parent() == pkg.Scope()
}

// knot is the largest set of files that all depend on each other, in however many
// steps; how many arrows the package has; and the arrows within the knot, of those
// pairs that use each other, that are least used.
func (u *unit) knot() (files []string, arrows int, cuts []string) {
	all := u.arrows()
	next := make(map[string][]string)
	for a := range all {
		next[a.from] = append(next[a.from], a.to)
	}
	for _, f := range u.files {
		if set := mutual(next, u.base(f.Pos())); len(set) > len(files) {
			files = set
		}
	}
	type cut struct {
		uses int
		text string
	}
	var found []cut
	for a, names := range all {
		if all[arrow{a.to, a.from}] == nil || !slices.Contains(files, a.from) || !slices.Contains(files, a.to) {
			continue
		}
		n := 0
		for _, uses := range names {
			n += uses
		}
		found = append(found, cut{n, fmt.Sprintf("%s -> %s: %s", a.from, a.to, strings.Join(slices.Sorted(maps.Keys(names)), " "))})
	}
	slices.SortFunc(found, func(a, b cut) int {
		if a.uses != b.uses {
			return a.uses - b.uses
		}
		return strings.Compare(a.text, b.text)
	})
	for _, c := range found[:min(len(found), 12)] {
		cuts = append(cuts, c.text)
	}
	return files, len(all), cuts
}

// mutual are the files that can be reached from one and reach it, and the file
// itself. A package has few files: each is asked by itself.
func mutual(next map[string][]string, from string) []string {
	var set []string
	for to := range reached(next, from) {
		if reached(next, to)[from] {
			set = append(set, to)
		}
	}
	return sorted(set)
}

func reached(next map[string][]string, from string) map[string]bool {
	seen := map[string]bool{from: true}
	for todo := []string{from}; len(todo) > 0; {
		file := todo[0]
		todo = todo[1:]
		for _, to := range next[file] {
			if !seen[to] {
				seen[to] = true
				todo = append(todo, to)
			}
		}
	}
	return seen
}
