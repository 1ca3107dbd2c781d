package parquet_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/weirstream/weir/delivery/parquet"
)

func TestParseSchema_readsWhatHiveWrites(t *testing.T) {
	for text, want := range map[string]string{
		"a int":                            "a int",
		"A INTEGER NOT  NULL , b BigInt":   "A int not null, b bigint",
		"a decimal":                        "a decimal(10,0)",
		"a decimal(12, 2)":                 "a decimal(12,2)",
		"a varchar(20), b char(1)":         "a string, b string",
		"a timestamp, b timestamp(6)":      "a timestamp, b timestamp",
		"a timestamp(3), b timestamp(9)":   "a timestamp(3), b timestamp(9)",
		"a array<array<int>>":              "a array<array<int>>",
		"a map<string, struct<b:date>>":    "a map<string,struct<b:date>>",
		"a struct<b:int, c:string>":        "a struct<b:int, c:string>",
		"`a``b, c` float,\n\t` ` double":   "`a``b, c` float, ` ` double",
		"a array<int not null> not null":   "a array<int not null> not null",
		"not int not null":                 "not int not null",
		"a boolean, b tinyint, c smallint": "a boolean, b tinyint, c smallint",
		"a binary, b json":                 "a binary, b json",
	} {
		s, err := parquet.ParseSchema(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, s.String())
		again, err := parquet.ParseSchema(s.String())
		require.NoError(t, err)
		assert.Equal(t, s, again)
	}
}

func TestParseSchema_saysWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"":                 `schema, at byte 0: the name of a column is expected before ""`,
		"a":                `schema, at byte 1: column "a": a type is expected before ""`,
		"a text":           `schema, at byte 6: column "a": there is no type "text"`,
		"a int b int":      `schema, at byte 6: a comma is expected before "b int"`,
		"a int,":           `schema, at byte 6: the name of a column is expected before ""`,
		"a int, a int":     `schema, at byte 8: there are two columns "a"`,
		"a struct<b int>":  `schema, at byte 11: column "a": : is expected before "int>"`,
		"a array<int":      `schema, at byte 11: column "a": > is expected before ""`,
		"a map<int,int>":   `schema, at byte 9: column "a": the keys of a map are string, not "int"`,
		"a decimal(39,0)":  `schema, at byte 15: column "a": a decimal of 39 digits, and 1 to 38 are allowed`,
		"a decimal(2,3)":   `schema, at byte 14: column "a": a decimal of 2 digits with a scale of 3`,
		"a decimal(2,3,4)": `schema, at byte 13: column "a": ) is expected before ",4)"`,
		"a timestamp(4)":   `schema, at byte 14: column "a": a timestamp has 3, 6 or 9 digits of a second, not 4`,
		"a int not":        `schema, at byte 9: column "a": null is expected behind not, before ""`,
		"`a int":           `schema, at byte 1: a back quote is missing behind "a int"`,
		"`` int":           `schema, at byte 2: the name of a column is empty`,
		"a varchar":        `schema, at byte 9: column "a": ( is expected before ""`,
		"a char(x)":        `schema, at byte 8: column "a": "x" is no number up to 65535`,
	} {
		_, err := parquet.ParseSchema(text)
		assert.EqualError(t, err, want)
	}
}

func TestParseSchema_keepsItsBounds(t *testing.T) {
	deep := func(n int) string { return "a " + strings.Repeat("array<", n) + "int" + strings.Repeat(">", n) }
	_, err := parquet.ParseSchema(deep(parquet.MaxDepth))
	require.NoError(t, err)
	_, err = parquet.ParseSchema(deep(parquet.MaxDepth + 1))
	assert.ErrorContains(t, err, "more than 32 types in each other")

	wide := func(n int) string {
		columns := make([]string, n)
		for i := range columns {
			columns[i] = fmt.Sprintf("c%d int", i)
		}
		return strings.Join(columns, ",")
	}
	_, err = parquet.ParseSchema(wide(parquet.MaxColumns))
	require.NoError(t, err)
	_, err = parquet.ParseSchema(wide(parquet.MaxColumns + 1))
	assert.ErrorContains(t, err, "more than 2000 columns")
	_, err = parquet.ParseSchema(wide(parquet.MaxColumns-1) + ", m map<string,int>")
	assert.ErrorContains(t, err, "2001 columns, and at most 2000 are allowed")

	name := strings.Repeat("n", 255)
	for _, quote := range []string{"", "`"} {
		_, err = parquet.ParseSchema(quote + name + quote + " int")
		require.NoError(t, err)
		_, err = parquet.ParseSchema(quote + name + "n" + quote + " int")
		assert.ErrorContains(t, err, "has 256 bytes, and a column's at most 255")
	}
}

func FuzzParseSchema(f *testing.F) {
	f.Add("a int not null, b array<struct<`x y`:decimal(3,1)>>, m map<string,timestamp(9)>")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parquet.ParseSchema(text)
		if err != nil {
			return
		}
		again, err := parquet.ParseSchema(s.String())
		require.NoError(t, err, s.String())
		require.Equal(t, s, again)
		_, err = newFormat(t, parquet.Config{Schema: s}).Encode(new(strings.Builder), records("{}", `{"a":1}`))
		require.NoError(t, err)
	})
}
