package kinesisserver_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// checklistRows is how many rows the checklist of the service's behaviour has.
const checklistRows = 155

// A test says which rows of the checklist it is for in its name (_7_21,
// _74_to_78), by the number that begins a row of its table, or by one that
// begins a row's name.
var (
	numbersInName = regexp.MustCompile(`_(\d+)(?:_to_(\d+))?`)
	numberInText  = regexp.MustCompile(`^"(?:row)?(\d+) [a-zA-Z]`)
)

// rowsOf returns the numbers of the rows that a file of tests is for.
func rowsOf(t *testing.T, path string) map[int]bool {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	rows := make(map[int]bool)
	number := func(text string) int {
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		return n
	}
	begins := func(e ast.Expr) {
		text, ok := e.(*ast.BasicLit)
		if !ok || text.Kind != token.STRING {
			return
		}
		if m := numberInText.FindStringSubmatch(text.Value); m != nil {
			rows[number(m[1])] = true
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			for _, m := range numbersInName.FindAllStringSubmatch(n.Name.Name, -1) {
				first := number(m[1])
				last := first
				if m[2] != "" {
					last = number(m[2])
				}
				for ; first <= last; first++ {
					rows[first] = true
				}
			}
		case *ast.CompositeLit: // {17, "unknown stream", …}
			if len(n.Elts) < 3 {
				break
			}
			first, isNumber := n.Elts[0].(*ast.BasicLit)
			second, isText := n.Elts[1].(*ast.BasicLit)
			if isNumber && isText && first.Kind == token.INT && second.Kind == token.STRING {
				rows[number(first.Value)] = true
			}
		case *ast.KeyValueExpr: // name: "141 no JSON", "145 an unknown member": …
			begins(n.Key)
			begins(n.Value)
		case *ast.CallExpr:
			for _, arg := range n.Args { // t.Run("row126 idle", …)
				begins(arg)
			}
			if f, ok := n.Fun.(*ast.Ident); ok && f.Name == "add" { // of typeRows
				if first, ok := n.Args[0].(*ast.BasicLit); ok && first.Kind == token.INT {
					rows[number(first.Value)] = true
				}
			}
		}
		return true
	})
	return rows
}

// Every row of the checklist has a test, here or in package account.
func TestChecklist_complete(t *testing.T) {
	covered := make(map[int]bool)
	for _, pattern := range []string{"*_test.go", "../account/*_test.go"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			if strings.HasPrefix(filepath.Base(file), "queues_") {
				continue // their numbers are of the other checklist
			}
			for row := range rowsOf(t, file) {
				covered[row] = true
			}
		}
	}
	for row := 1; row <= checklistRows; row++ {
		assert.True(t, covered[row], "row %d of the checklist has no test", row)
	}
}
