package workfile_test

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/workload"
)

// docs is the page about the language.
const docs = "../../../../docs/workloads.md"

// The page has a table for each object of the language, with a row for each field
// and no other.
func TestDocs_tellOfEachField(t *testing.T) {
	want := map[string][]string{}
	addFields(want, "workload", reflect.TypeFor[workload.Workload]())
	assert.Equal(t, want, documentedFields(t))
}

// addFields adds the names of a type's fields, and those of the types in it.
func addFields(to map[string][]string, path string, of reflect.Type) {
	for i := range of.NumField() {
		field := of.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		to[path] = append(to[path], name)
		inner := field.Type
		for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct {
			addFields(to, strings.TrimPrefix(path+"."+name, "workload."), inner)
		}
	}
}

var (
	objectHeading = regexp.MustCompile("^### ([a-z._]+)$")
	fieldRow      = regexp.MustCompile("^\\| `([a-z_]+)` \\| [^|]+ \\|")
)

func documentedFields(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(docs)
	require.NoError(t, err)
	language, _, ok := strings.Cut(string(text), "\n## The flags\n")
	require.True(t, ok)
	got, object := map[string][]string{}, ""
	for line := range strings.Lines(language) {
		line = strings.TrimSpace(line)
		if heading := objectHeading.FindStringSubmatch(line); heading != nil {
			object = heading[1]
		}
		if row := fieldRow.FindStringSubmatch(line); row != nil {
			got[object] = append(got[object], row[1])
		}
	}
	return got
}
