package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// check says of each rule that holds or does not whether it does.
func (t *tree) check(r rules) []result {
	return []result{
		holds("a shard knows no stream",
			"let it return what happened, and the stream act on it",
			t.shardsThatKnowStreams()),
		holds("nothing below internal/ knows the root",
			"hand it what it needs, in words of its own; an exception needs a reason in rules.go",
			t.importsOfRootBelow(r)),
		holds(strings.Join(r.leaves, ", ")+" imports nothing of ours",
			"let the caller hand over plain values",
			t.importsOfLeaves(r)),
		holds("what stands on streams takes them from client",
			"take a client.Stream; an exception needs a reason in rules.go",
			t.importsOfRootAbove(r)),
		holds("an exported type is in the file of its name or of its family",
			"move the type, or place it in families of rules.go",
			t.typesOutOfPlace(r)),
		holds(fmt.Sprintf("no file over %d lines", r.fileLines),
			"two nouns in it are two files",
			t.longFiles(r)),
		holds(fmt.Sprintf("no function over %d lines", r.functionLines),
			"let it read as its steps",
			t.longFunctions(r)),
		holds("documents name tests and files that there are",
			"give the name that it has now, or say what became of the promise",
			t.namesThatAreGone()),
	}
}

// shardsThatKnowStreams finds what in shard.go, or in the type shard and its
// methods wherever they stand, has to do with the type Stream.
func (t *tree) shardsThatKnowStreams() []string {
	var places []string
	for _, f := range t.root.files {
		inFile := t.root.base(f.Pos()) == "shard.go"
		for _, d := range declarations(f) {
			if !inFile && !belongsTo(d, "shard") {
				continue
			}
			ast.Inspect(d, func(n ast.Node) bool {
				id, ok := n.(*ast.Ident)
				if !ok {
					return true
				}
				if what := t.root.streamIn(t.root.info.Uses[id]); what != "" {
					places = append(places, fmt.Sprintf("%s: %s %s", t.root.at(id.Pos()), nameOfDeclaration(d), what))
				}
				return true
			})
		}
	}
	return sorted(places)
}

// streamIn says what a name has to do with the root's Stream, or nothing.
func (u *unit) streamIn(o types.Object) string {
	stream := u.pkg.Scope().Lookup("Stream")
	if o == nil || stream == nil {
		return ""
	}
	is := func(t types.Type) bool {
		if p, ok := t.(*types.Pointer); ok {
			t = p.Elem()
		}
		return types.Identical(t, stream.Type())
	}
	switch o := o.(type) {
	case *types.TypeName:
		if o == stream {
			return "names Stream"
		}
	case *types.Var:
		if is(o.Type()) {
			return "uses " + o.Name() + ", which is a Stream"
		}
	case *types.Func:
		if recv := o.Signature().Recv(); recv != nil && is(recv.Type()) {
			return "calls Stream." + o.Name()
		}
	}
	return ""
}

// declarations are those of a file, with each type by itself.
func declarations(f *ast.File) []ast.Node {
	var found []ast.Node
	for _, d := range f.Decls {
		if g, ok := d.(*ast.GenDecl); ok {
			for _, s := range g.Specs {
				found = append(found, s)
			}
			continue
		}
		found = append(found, d)
	}
	return found
}

// belongsTo reports whether a declaration is the type's or one of its methods.
func belongsTo(d ast.Node, name string) bool {
	switch d := d.(type) {
	case *ast.TypeSpec:
		return d.Name.Name == name
	case *ast.FuncDecl:
		return receiver(d) == name
	}
	return false
}

// receiver is the name of a method's type, or empty for a function.
func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return ""
	}
	e := d.Recv.List[0].Type
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.IndexListExpr:
			e = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

func nameOfDeclaration(d ast.Node) string {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if r := receiver(d); r != "" {
			return r + "." + d.Name.Name
		}
		return d.Name.Name
	case *ast.TypeSpec:
		return "type " + d.Name.Name
	case *ast.ValueSpec:
		return d.Names[0].Name
	}
	return "import"
}

// importsOfRootBelow finds packages of the root module's internal/ that import it.
func (t *tree) importsOfRootBelow(r rules) []string {
	return t.imports(func(place, imported string) bool {
		return covers("internal/...", place) && imported == t.root.path && !excepted(r.belowRoot, place)
	})
}

// importsOfRootAbove finds packages anywhere else that do.
func (t *tree) importsOfRootAbove(r rules) []string {
	return t.imports(func(place, imported string) bool {
		return place != "." && !covers("internal/...", place) && imported == t.root.path && !excepted(r.aboveRoot, place)
	})
}

// importsOfLeaves finds imports of ours in packages that shall have none. Their
// tests may: an example shows where the values come from.
func (t *tree) importsOfLeaves(r rules) []string {
	return t.imports(func(place, imported string) bool {
		return slices.Contains(r.leaves, place) && (imported == t.root.path || strings.HasPrefix(imported, t.root.path+"/"))
	}, "_test.go")
}

// imports finds the imports that match, but in files with one of the endings.
func (t *tree) imports(match func(place, imported string) bool, but ...string) []string {
	var places []string
	for _, s := range t.files {
		if slices.ContainsFunc(but, func(end string) bool { return strings.HasSuffix(s.place, end) }) {
			continue
		}
		for _, spec := range s.file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err == nil && match(path.Dir(s.place), imported) {
				places = append(places, s.at(spec.Pos())+": imports "+imported)
			}
		}
	}
	return places
}

func excepted(exceptions map[string]string, place string) bool {
	for pattern := range exceptions {
		if covers(pattern, place) {
			return true
		}
	}
	return false
}

// covers reports whether a pattern of rules means a package's directory.
func covers(pattern, place string) bool {
	above, all := strings.CutSuffix(pattern, "/...")
	return place == above || all && strings.HasPrefix(place, above+"/")
}

// typesOutOfPlace finds exported types in files that say nothing of them, and
// families of types that are gone.
func (t *tree) typesOutOfPlace(r rules) []string {
	var places []string
	gone := maps.Clone(r.families)
	for _, f := range t.root.files {
		name := t.root.base(f.Pos())
		for _, d := range declarations(f) {
			spec, ok := d.(*ast.TypeSpec)
			if !ok || !spec.Name.IsExported() {
				continue
			}
			want, placed := r.families[spec.Name.Name]
			delete(gone, spec.Name.Name)
			if !placed {
				want = strings.ToLower(spec.Name.Name) + ".go"
			}
			if name != want {
				places = append(places, fmt.Sprintf("%s: type %s belongs into %s", t.root.at(spec.Pos()), spec.Name.Name, want))
			}
		}
	}
	for name, file := range gone {
		places = append(places, fmt.Sprintf("rules.go: there is no type %s any more to be in %s", name, file))
	}
	return sorted(places)
}

func (t *tree) longFiles(r rules) []string {
	var places []string
	for _, s := range t.files {
		if n := len(s.lines); n > r.fileLines && !ast.IsGenerated(s.file) {
			places = append(places, fmt.Sprintf("%s: %d lines", s.place, n))
		}
	}
	return places
}

// longFunctions leaves tests out: one that is a table is as long as its table.
func (t *tree) longFunctions(r rules) []string {
	var places []string
	for _, s := range t.files {
		if ast.IsGenerated(s.file) || strings.HasSuffix(s.place, "_test.go") {
			continue
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := s.fset.Position(f.End()).Line - s.fset.Position(f.Pos()).Line + 1; n > r.functionLines {
				places = append(places, fmt.Sprintf("%s: %s has %d lines", s.at(f.Pos()), nameOfDeclaration(f), n))
			}
		}
	}
	return places
}

// named is a test, or a file of Go, as documents name them. Of a part of a test only
// the test is looked for.
var named = regexp.MustCompile("`((?:Test|Fuzz|Benchmark|Example)[A-Z_]\\w*|\\w+\\.go)(?:/[^`]*)?`")

// namesThatAreGone finds in documents the names of tests and of files that no
// module has, those outside the workspace included.
func (t *tree) namesThatAreGone() []string {
	there := make(map[string]bool)
	for _, s := range t.files {
		there[path.Base(s.place)] = true
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				there[f.Name.Name] = true
			}
		}
	}
	var places []string
	for _, d := range t.documents {
		for i, line := range d.lines {
			for _, name := range named.FindAllStringSubmatch(line, -1) {
				if !there[name[1]] {
					places = append(places, fmt.Sprintf("%s:%d: there is no %s", d.place, i+1, name[1]))
				}
			}
		}
	}
	return places
}

// base is the name of the file in which something stands, without its directory.
func (u *unit) base(pos token.Pos) string {
	return path.Base(u.fset.Position(pos).Filename)
}

// at says where something is, as source.at does.
func (u *unit) at(pos token.Pos) string {
	return path.Join(u.place, u.base(pos)) + ":" + strconv.Itoa(u.fset.Position(pos).Line)
}

func sorted(places []string) []string {
	slices.Sort(places)
	return places
}
