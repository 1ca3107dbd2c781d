package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func TestReport_printsRatesAsJSON(t *testing.T) {
	dir := t.TempDir()
	module := filepath.Join(dir, "node_modules", "kinesalite")
	if err := os.MkdirAll(module, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(module, "package.json"), []byte(`{"version": "9.8.7"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	r := report{bench: bench{rounds: 3, peers: dir}, interrupted: true, rounds: map[string]map[string][]round{
		"put-record":  {nameWeir: {{rate: 1e6}, {rate: 5e5}, {rate: 1e6}}, nameKinesalite: {{rate: 1e3}, {rate: 1e3}, {rate: 2e3}}},
		"put-records": {nameWeir: {{rate: 1e7}, {rate: 1e7}}, nameNull: {{rate: 1e9}}},
	}}
	var out bytes.Buffer
	if err := r.printJSON(&out); err != nil {
		t.Fatal(err)
	}
	var got jsonReport
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := jsonReport{Interrupted: true, Groups: []jsonGroup{{Name: "over HTTP", Rounds: 2, Peers: []jsonResult{
		{Name: "weir serve", Note: jsonNames[0].note, Values: map[string][]float64{"put_ns": {1000, 2000, 1000}, "batch_ns": {100, 100}}},
		{Name: "kinesalite", Module: "kinesalite", Version: "9.8.7", Note: jsonNames[1].note, Values: map[string][]float64{"put_ns": {1e6, 1e6, 5e5}}},
	}}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestReport_withoutRoundsHasNoGroups(t *testing.T) {
	var out bytes.Buffer
	if err := (&report{}).printJSON(&out); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "{\n  \"interrupted\": false,\n  \"groups\": []\n}\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestChoose(t *testing.T) {
	known := []string{"a", "b"}
	for list, want := range map[string][]string{"": nil, "b": {"b"}, "a,b": {"a", "b"}} {
		if got, err := choose(list, known); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v, %v", list, got, err)
		}
	}
	if _, err := choose("a,c", known); err == nil || err.Error() != `there is no "c"; there are a, b` {
		t.Errorf("unknown name: %v", err)
	}
}

func TestChooseKinds_keepsWeirAndTheNullServer(t *testing.T) {
	all := func() []kind {
		return []kind{{name: nameWeir}, {name: nameKinesalite}, {name: nameMock}, {name: nameNull}}
	}
	for name, test := range map[string]struct{ chosen, want []string }{
		"all":           {nil, []string{nameWeir, nameKinesalite, nameMock, nameNull}},
		"kinesalite":    {[]string{"kinesalite"}, []string{nameWeir, nameKinesalite, nameNull}},
		"kinesis-local": {[]string{"kinesis-local"}, []string{nameWeir, nameMock, nameNull}},
	} {
		var got []string
		for _, k := range chooseKinds(all(), test.chosen) {
			got = append(got, k.name)
		}
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}
