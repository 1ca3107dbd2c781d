package dmschange_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/events/dmschange"
)

const update = `{"data":{"id":12345678901234567890,"name":"<x>","gone":null},"before-image":{"name":"w"},"metadata":{"timestamp":"2021-02-18T23:57:11.97036Z",` +
	`"record-type":"data","operation":"update","partition-key-type":"primary-key","partition-key-value":"shop.orders.1","schema-name":"shop","table-name":"orders",` +
	`"transaction-id":87978110091475,"transaction-record-id":2,"commit-timestamp":"2021-02-18T23:57:11Z","stream-position":"mysql-bin.000012:4"}}`

const control = `{"control":{"table-def":{"columns":{"id":{"type":"INT32"}}}},"metadata":{"timestamp":"2021-02-18T23:09:09.509179Z","record-type":"control",` +
	`"operation":"create-table","partition-key-type":"task-id","schema-name":"","table-name":"awsdms_apply_exceptions"}}`

func TestRecord_thereAndBack(t *testing.T) {
	commit := time.Date(2021, 2, 18, 23, 57, 11, 0, time.UTC)
	for text, want := range map[string]dmschange.Record{
		update: {
			Data: json.RawMessage(`{"id":12345678901234567890,"name":"<x>","gone":null}`), Before: json.RawMessage(`{"name":"w"}`),
			Metadata: dmschange.Metadata{Timestamp: time.Date(2021, 2, 18, 23, 57, 11, 970360e3, time.UTC), RecordType: dmschange.Data, Operation: dmschange.Update,
				PartitionKeyType: "primary-key", PartitionKey: "shop.orders.1", Schema: "shop", Table: "orders", TransactionID: 87978110091475,
				TransactionRecordID: 2, CommitTimestamp: &commit, StreamPosition: "mysql-bin.000012:4"},
		},
		control: {
			Control: json.RawMessage(`{"table-def":{"columns":{"id":{"type":"INT32"}}}}`),
			Metadata: dmschange.Metadata{Timestamp: time.Date(2021, 2, 18, 23, 9, 9, 509179e3, time.UTC), RecordType: dmschange.Control,
				Operation: dmschange.CreateTable, PartitionKeyType: "task-id", Table: "awsdms_apply_exceptions"},
		},
	} {
		got, err := dmschange.Parse([]byte(text + "\n"))
		require.NoError(t, err)
		assert.Equal(t, want, got)
		assert.Equal(t, text == update, got.IsData())
		back, err := got.JSON()
		require.NoError(t, err)
		assert.Equal(t, text, string(back))
	}
}

func TestRecord_rowsKeepTheirNumbers(t *testing.T) {
	r, err := dmschange.Parse([]byte(update))
	require.NoError(t, err)
	row, err := r.Row()
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"id": json.Number("12345678901234567890"), "name": "<x>", "gone": nil}, row)
	row, err = r.BeforeRow()
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"name": "w"}, row)
	row, err = dmschange.Record{}.Row()
	assert.NoError(t, err)
	assert.Nil(t, row)
	for _, text := range []string{`{`, `[]`, `{} {}`} {
		_, err = dmschange.Record{Data: json.RawMessage(text)}.Row()
		assert.ErrorIs(t, err, dmschange.ErrInvalid, text)
	}
}

func TestParse_whatIsNoRecord(t *testing.T) {
	replace := func(old, new string) string { return strings.Replace(update, old, new, 1) }
	for text, says := range map[string]string{
		``:   "unexpected end",
		`{}`: `its record-type is "", not data or control`,
		replace(`"data","operation"`, `"other","operation"`):           `DMS record of shop.orders: invalid: its record-type is "other"`,
		replace(`"update"`, `"upsert"`):                                `its operation is "upsert", not load, insert, update or delete`,
		replace(`{"data":{`, `{"x":{`):                                 "its data is no object",
		replace(`{"name":"w"}`, `[]`):                                  "its before-image is no object",
		replace(`2021-02-18T23:57:11.97036Z`, `yesterday`):             "cannot parse",
		strings.Replace(control, `"operation":"create-table",`, ``, 1): "it has no operation",
	} {
		_, err := dmschange.Parse([]byte(text))
		assert.ErrorIs(t, err, dmschange.ErrInvalid, text)
		assert.ErrorContains(t, err, says, text)
	}
	_, err := dmschange.Record{}.JSON()
	assert.ErrorIs(t, err, dmschange.ErrInvalid)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(update))
	f.Add([]byte(control))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := dmschange.Parse(data)
		if err != nil {
			require.ErrorIs(t, err, dmschange.ErrInvalid)
			return
		}
		row, err := r.Row()
		require.NoError(t, err)
		if y := r.Metadata.Timestamp.UTC().Year(); y < 0 || y > 9999 {
			return // at the edge of what its zone allows, JSON cannot have it in UTC
		}
		text, err := r.JSON()
		require.NoError(t, err)
		again, err := dmschange.Parse(text)
		require.NoError(t, err)
		got, err := again.Row()
		require.NoError(t, err)
		require.Equal(t, row, got)
	})
}

func ExampleParse() {
	r, err := dmschange.Parse([]byte(`{
		"data": {"id": 7, "state": "paid"},
		"metadata": {"timestamp": "2021-02-18T23:57:11.970360Z", "record-type": "data", "operation": "update",
			"partition-key-type": "primary-key", "schema-name": "shop", "table-name": "orders"}
	}`))
	if err != nil || !r.IsData() {
		return // control records are about tables
	}
	row, err := r.Row()
	fmt.Println(r.Metadata.Operation, r.Metadata.Table, row["id"], row["state"], err)
	// Output: update orders 7 paid <nil>
}
