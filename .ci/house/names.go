package main

import (
	"go/types"
	"maps"
	"slices"
	"strings"
)

// A name is one that the root exports: of a constant, variable, function or type,
// or of a type's method or field.
type name struct {
	owner, name string // owner is empty at the top level
	object      types.Object
	users       int // how often packages other than the root, and their tests, use it
}

func (n name) String() string { return strings.TrimPrefix(n.owner+"."+n.name, ".") }

// names are all that the root exports, in the order of the alphabet, and how
// often they are used. The root's own tests are no users: they know everything.
func (t *tree) names() []name {
	counts := make(map[string]int)
	for _, u := range t.units {
		if u.place == "." {
			continue
		}
		for _, o := range u.info.Uses {
			if o.Pkg() != nil && o.Pkg().Path() == t.root.path && o.Exported() {
				counts[qualified(o)]++
			}
		}
	}
	var names []name
	add := func(owner string, o types.Object) {
		if o.Exported() {
			n := name{owner: owner, name: o.Name(), object: o}
			n.users = counts[n.String()]
			names = append(names, n)
		}
	}
	scope := t.root.pkg.Scope()
	for _, top := range scope.Names() {
		o := scope.Lookup(top)
		if !o.Exported() {
			continue
		}
		add("", o)
		if tn, ok := o.(*types.TypeName); ok && !tn.IsAlias() {
			for _, m := range members(tn) {
				add(top, m)
			}
		}
	}
	return names
}

// members are the methods and fields of a type.
func members(tn *types.TypeName) []types.Object {
	var found []types.Object
	if named, ok := tn.Type().(*types.Named); ok {
		for m := range named.Methods() {
			found = append(found, m)
		}
	}
	switch under := tn.Type().Underlying().(type) {
	case *types.Struct:
		for f := range under.Fields() {
			found = append(found, f)
		}
	case *types.Interface:
		for m := range under.ExplicitMethods() {
			found = append(found, m)
		}
	}
	return found
}

// qualified names an object the same in every package that was checked by itself:
// Owner.Name for methods and fields.
func qualified(o types.Object) string {
	v, isVar := o.(*types.Var)
	f, isFunc := o.(*types.Func)
	if !(isVar && v.IsField()) && !(isFunc && f.Signature().Recv() != nil) {
		return o.Name()
	}
	scope := o.Pkg().Scope()
	for _, top := range scope.Names() {
		if tn, ok := scope.Lookup(top).(*types.TypeName); ok && !tn.IsAlias() && slices.Contains(members(tn), o) {
			return top + "." + o.Name()
		}
	}
	return o.Name()
}

// withoutUser are those that nobody outside uses.
func withoutUser(names []name) []name {
	return slices.DeleteFunc(slices.Clone(names), func(n name) bool { return n.users > 0 })
}

// calledUnnamed are methods that the standard library calls: for errors.Is, for
// printing, for texts. Whoever has the type has a use for them.
var calledUnnamed = []string{
	"Error", "Is", "As", "Unwrap", "String", "MarshalText", "UnmarshalText", "AppendText",
}

// unwritten are the names among those without a user that outsiders reach without
// writing them: methods that the standard library calls, and types of what a used
// function, method or field has to do with.
func unwritten(names []name) map[string]bool {
	held := make(map[types.Object]bool)
	for _, n := range names {
		if n.users > 0 && n.owner != "" {
			held[n.object.Pkg().Scope().Lookup(n.owner)] = true
		}
		if _, isType := n.object.(*types.TypeName); n.users > 0 && !isType {
			hold(held, n.object.Type())
		}
	}
	reached := make(map[string]bool)
	for _, n := range names {
		_, method := n.object.(*types.Func)
		if n.users == 0 && (held[n.object] || method && n.owner != "" && slices.Contains(calledUnnamed, n.name)) {
			reached[n.String()] = true
		}
	}
	return reached
}

// hold adds the named types that a type is made of.
func hold(held map[types.Object]bool, t types.Type) {
	switch t := t.(type) {
	case *types.Named:
		held[t.Obj()] = true
		for arg := range t.TypeArgs().Types() {
			hold(held, arg)
		}
	case *types.Pointer:
		hold(held, t.Elem())
	case *types.Slice:
		hold(held, t.Elem())
	case *types.Array:
		hold(held, t.Elem())
	case *types.Chan:
		hold(held, t.Elem())
	case *types.Map:
		hold(held, t.Key())
		hold(held, t.Elem())
	case *types.Signature:
		for v := range t.Params().Variables() {
			hold(held, v.Type())
		}
		for v := range t.Results().Variables() {
			hold(held, v.Type())
		}
	}
}

// grouped lists names a line an owner, and puts those that are reached unwritten in
// parentheses.
func grouped(names []name, unwritten map[string]bool) []string {
	of := make(map[string][]string)
	for _, n := range names {
		owner, text := n.owner, n.name
		if owner == "" {
			owner = "top level"
		}
		if unwritten[n.String()] {
			text = "(" + text + ")"
		}
		of[owner] = append(of[owner], text)
	}
	var lines []string
	for _, owner := range slices.Sorted(maps.Keys(of)) {
		lines = append(lines, owner+": "+strings.Join(of[owner], " "))
	}
	return lines
}
