package flagval_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/cmd/weir/internal/flagval"
	"github.com/weirstream/weir/workload"
)

// values returns a value of each kind, by its name.
func values() map[string]pflag.Value {
	return map[string]pflag.Value{
		"int":      flagval.Int{Value: new(int), Min: 1, Max: 9},
		"seed":     new(flagval.Seed),
		"speed":    new(flagval.Speed),
		"size":     new(flagval.Size),
		"percent":  new(flagval.Percent),
		"duration": flagval.Duration{Value: new(time.Duration), Max: time.Hour},
		"length":   flagval.Length{Value: new(workload.Duration)},
		"moment":   new(flagval.Moment),
		"step":     new(flagval.Step),
		"choice":   flagval.Choice{Value: new(string), Words: []string{"json", "text"}},
		"limits":   new(flagval.Limits),
		"shards":   new(flagval.Shards),
		"position": new(flagval.Position),
	}
}

// What a value prints is what it takes, within bounds that are inclusive.
func TestValues_printWhatTheyTake(t *testing.T) {
	for _, tt := range []struct{ kind, text, want string }{
		{"int", "1", "1"}, {"int", "9", "9"},
		{"seed", "18446744073709551615", "18446744073709551615"},
		{"speed", "60x", "60"}, {"speed", "0.5", "0.5"}, {"speed", "max", "max"},
		{"size", "1", "1B"}, {"size", "1GiB", "1.0GiB"},
		{"percent", "0", "0"}, {"percent", "12.5 %", "12.5"}, {"percent", "99.9", "99.9"},
		{"duration", "0s", "0s"}, {"duration", "60m", "1h0m0s"},
		{"length", "2d", "48h0m0s"}, {"length", "1ns", "1ns"},
		{"moment", "2026-03-02T10:00:00+01:00", "2026-03-02T09:00:00Z"},
		{"step", "auto", "auto"}, {"step", "0s", "0s"}, {"step", "1s", "1s"},
		{"choice", "text", "text"},
		{"limits", "none", "none"}, {"limits", "service", "service"}, {"limits", "kinesis", "service"},
		{"shards", "shards=3,1..2", "shards=3,1..2"},
		{"position", "horizon", "horizon"}, {"position", "latest", "latest"}, {"position", "-5m", "-5m"},
		{"position", "2026-03-02T10:00:00.5+01:00", "2026-03-02T10:00:00.5+01:00"},
	} {
		v := values()[tt.kind]
		if assert.NoError(t, v.Set(tt.text), "%s %s", tt.kind, tt.text) {
			assert.Equal(t, tt.want, v.String(), "%s %s", tt.kind, tt.text)
			assert.NoError(t, values()[tt.kind].Set(v.String()))
		}
		assert.NotEmpty(t, v.Type())
	}
}

const badPosition = "must be horizon, latest, a time such as 2026-03-02T09:00:00Z, or how long ago, such as -5m"

func TestValues_refuse(t *testing.T) {
	for _, tt := range []struct{ kind, text, want string }{
		{"int", "0", "must be a number from 1 to 9"}, {"int", "10", "must be a number from 1 to 9"}, {"int", "x", "must be a number from 1 to 9"},
		{"seed", "-1", "must be a number from 0 to 18446744073709551615"},
		{"speed", "0", `must be "max" or a number greater than 0, such as 60`}, {"speed", "inf", `must be "max" or a number greater than 0, such as 60`},
		{"size", "0", "must be a number of bytes from 1 to 1GiB, such as 16MiB"}, {"size", "1073741825", "must be a number of bytes from 1 to 1GiB, such as 16MiB"},
		{"percent", "100", "must be a number from 0 to below 100, such as 0.5"}, {"percent", "nan", "must be a number from 0 to below 100, such as 0.5"},
		{"duration", "1h0m0.1s", "must be a time from 0s to 1h0m0s, such as 500ms"}, {"duration", "-1s", "must be a time from 0s to 1h0m0s, such as 500ms"},
		{"length", "0s", "must be above 0"},
		{"moment", "1969-12-31T23:59:59Z", "must be a time since 1970 such as 2026-03-02T09:00:00Z"},
		{"step", "1001ms", "must be auto, or a time from 0 to 1s, such as 100ms"},
		{"choice", "xml", `must be "json" or "text"`},
		{"limits", "", `must be "service" or "none"`},
		{"position", "5m", badPosition}, {"position", "yesterday", badPosition}, {"position", "1969-12-31T23:59:59Z", badPosition},
		{"position", "9999-01-01T00:00:00Z", "is in the future"},
		{"shards", "1..2", "must begin with shards=, as in shards=1..64 or shards=1,2,4"},
		{"shards", "shards=1..257", "has more than 256 numbers; a range such as 1..10000/8 takes every eighth"},
		{"shards", "shards=2..1", `"2..1" is no number or range of 1 to 10000, such as 1..64 or 1..64/4`},
	} {
		assert.EqualError(t, values()[tt.kind].Set(tt.text), tt.want, "%s %s", tt.kind, tt.text)
	}
}

func TestShards_listIsSorted(t *testing.T) {
	var f flagval.Shards
	assert.NoError(t, f.Set("shards=9,1..5/2,3"))
	assert.Equal(t, []int{1, 3, 5, 9}, f.List)
}

func TestParseSpeed(t *testing.T) {
	x, err := flagval.ParseSpeed("2.5x")
	assert.NoError(t, err)
	assert.Equal(t, 2.5, x)
	_, err = flagval.ParseSpeed("max")
	assert.EqualError(t, err, "must be a number greater than 0, such as 60")
}

func TestPosition_isWhatItSays(t *testing.T) {
	var f flagval.Position
	assert.Equal(t, "horizon", f.String(), "by itself")
	assert.Equal(t, weir.TrimHorizon(), f.At)
	for text, want := range map[string]weir.Position{
		"TRIM_HORIZON": weir.TrimHorizon(), "LATEST": weir.Latest(), "2026-03-02T10:00:00+01:00": weir.AtTime(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)),
	} {
		assert.NoError(t, f.Set(text))
		assert.Equal(t, want.Kind(), f.At.Kind(), text)
		assert.True(t, want.Time().Equal(f.At.Time()), text)
	}
	synctest.Test(t, func(t *testing.T) {
		assert.NoError(t, f.Set("-90s"))
		assert.True(t, f.At.Time().Equal(time.Now().Add(-90*time.Second)))
		assert.NoError(t, f.Set(time.Now().Format(time.RFC3339)), "now is not in the future")
	})
}
