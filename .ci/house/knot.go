package main

import (
	"cmp"
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
// steps; how many arrows the package has; and which arrows are best turned around:
// those without which the knot is smallest, and of these the least used.
func (u *unit) knot() (files []string, arrows int, cuts []string) {
	all := u.arrows()
	files = largest(all, arrow{})
	type cut struct {
		knot, uses int
		text       string
	}
	var found []cut
	for a, names := range all {
		if !slices.Contains(files, a.from) || !slices.Contains(files, a.to) {
			continue
		}
		c := cut{knot: len(largest(all, a))}
		for _, uses := range names {
			c.uses += uses
		}
		c.text = fmt.Sprintf("%d without %s -> %s: %s", c.knot, a.from, a.to, strings.Join(slices.Sorted(maps.Keys(names)), " "))
		found = append(found, c)
	}
	slices.SortFunc(found, func(a, b cut) int {
		return cmp.Or(a.knot-b.knot, a.uses-b.uses, strings.Compare(a.text, b.text))
	})
	for _, c := range found[:min(len(found), 12)] {
		cuts = append(cuts, c.text)
	}
	return files, len(all), cuts
}

// largest is the largest knot that there is but for one arrow.
func largest(all map[arrow]map[string]int, but arrow) (files []string) {
	next := make(map[string][]string)
	for a := range all {
		if a != but {
			next[a.from] = append(next[a.from], a.to)
		}
	}
	for _, from := range slices.Sorted(maps.Keys(next)) {
		if set := mutual(next, from); len(set) > len(files) {
			files = set
		}
	}
	return files
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
