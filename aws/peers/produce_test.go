package main

import (
	"testing"
)

func TestProduceGoal_verdicts(t *testing.T) {
	g := produceGoal{must: 2, moonshot: 4}
	for want, ratios := range map[string][]float64{
		"moonshot": {9, 4, 1}, "met": {3.9, 2, 1}, "in noise": {9, 1.9, 1}, "missed": {9, 1.7, 1},
	} {
		if got := g.verdict(ratios); got != want {
			t.Errorf("%v: %s, want %s", ratios, got, want)
		}
	}
	if got := g.verdict(nil); got != "missed" {
		t.Errorf("nothing was measured: %s", got)
	}
	g.moonshot = 0
	if got := g.verdict([]float64{9}); got != "met" {
		t.Errorf("without a moonshot: %s", got)
	}
}

func TestReport_judgesProducers(t *testing.T) {
	r := report{produced: map[string][]round{}}
	for _, w := range ways {
		r.produced[w.name] = []round{{rate: 1}, {rate: 1}, {rate: 1}}
	}
	r.produced[wayWeir] = []round{{rate: 3}, {rate: 1}, {rate: 4}}
	r.produced[wayWeirPacked] = []round{{rate: 5}, {rate: 2}, {rate: 3}}
	if err := r.judge(); err != nil {
		t.Error(err)
	}
	r.produced[wayWeir][0].rate = 2
	if err := r.judge(); err == nil {
		t.Error("a median of 2 must be 3")
	}
	if err := new(report).judge(); err == nil {
		t.Error("nothing was measured")
	}
}
