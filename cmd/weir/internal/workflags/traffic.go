package workflags

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/weirstream/weir/cmd/weir/internal/flagval"
	"github.com/weirstream/weir/workload"
)

// setTrace puts a trace in the place of the traffic, which then lasts as long
// as the trace does unless --duration says otherwise.
func setTrace(file string) (edit, error) {
	if file == "" {
		return nil, errors.New("is empty")
	}
	return func(w *workload.Workload) error {
		w.Traffic = []workload.Traffic{{Name: "trace", Trace: &workload.Trace{File: file}}}
		w.Duration = 0
		return nil
	}, nil
}

func setSpeed(text string) (edit, error) {
	x, err := flagval.ParseSpeed(text)
	if err != nil {
		return nil, err
	}
	return func(w *workload.Workload) error {
		if len(tracesOf(*w)) == 0 {
			return errors.New("the workload has no trace; --input gives it one")
		}
		for _, t := range w.Traffic {
			if t.Trace != nil {
				t.Trace.Speed = x
			}
		}
		return nil
	}, nil
}

// setRate changes the rate of the only traffic.
func setRate(text string) (edit, error) {
	rate, err := parseRate(text)
	if err != nil {
		return nil, err
	}
	return func(w *workload.Workload) error {
		if len(w.Traffic) == 0 {
			w.Traffic = []workload.Traffic{{}}
		}
		if n := len(w.Traffic); n > 1 {
			return fmt.Errorf("the workload has %d kinds of traffic, and one rate is not for all", n)
		}
		if w.Traffic[0].Trace != nil {
			return errors.New("the workload plays a trace, which has its own")
		}
		w.Traffic[0].Rate = rate
		return nil
	}, nil
}

// eachTraffic changes all traffic that is not a trace.
func eachTraffic(change func(*workload.Traffic)) edit {
	return func(w *workload.Workload) error {
		changed := 0
		for i := range w.Traffic {
			if w.Traffic[i].Trace == nil {
				change(&w.Traffic[i])
				changed++
			}
		}
		if changed == 0 {
			return errors.New("the workload plays a trace, which has its own")
		}
		return nil
	}
}

func setSize(text string) (edit, error) {
	var sizes workload.Sizes
	if mean, ok := strings.CutPrefix(text, "mean:"); ok {
		size, err := workload.ParseSize(mean)
		if err == nil && size == 0 {
			err = errors.New("must be above 0")
		}
		return eachTraffic(func(t *workload.Traffic) { t.Sizes = workload.Sizes{Mean: size} }), err
	}
	low, high, between := strings.Cut(text, "..")
	least, err := workload.ParseSize(low)
	if sizes.Fixed = least; between {
		sizes = workload.Sizes{Min: least}
		if err == nil {
			sizes.Max, err = workload.ParseSize(high)
		}
	}
	if err == nil && sizes.Fixed == 0 && sizes.Max == 0 {
		err = errors.New("must be above 0")
	}
	return eachTraffic(func(t *workload.Traffic) { t.Sizes = sizes }), err
}

// setKeys reads "10000", "zipf:10000:1.1" and "file:NAME". Hot keys stay.
func setKeys(text string) (edit, error) {
	kind, rest, ok := strings.Cut(text, ":")
	var keys workload.Keys
	var err, err2 error
	switch {
	case !ok:
		keys.Count, err = strconv.Atoi(text)
	case kind == "zipf":
		count, exponent, _ := strings.Cut(rest, ":")
		keys.Count, err = strconv.Atoi(count)
		keys.Zipf, err2 = strconv.ParseFloat(exponent, 64)
	case kind == "file" && rest != "":
		keys.File = rest
	default:
		err = errors.New("none of these")
	}
	if errors.Join(err, err2) != nil || keys.File == "" && keys.Count < 1 {
		return nil, errors.New("must be a number such as 10000, or zipf:10000:1.1, or file:NAME")
	}
	return eachTraffic(func(t *workload.Traffic) {
		hot := t.Keys.Hot
		t.Keys = keys
		t.Keys.Hot = hot
	}), nil
}

func noHotKeys(w *workload.Workload) error {
	return eachTraffic(func(t *workload.Traffic) { t.Keys.Hot = nil })(w)
}

// addHotKey reads "key:0.2", of which the key may have colons too.
func addHotKey(text string) (edit, error) {
	colon := strings.LastIndex(text, ":")
	if colon < 1 {
		return nil, errors.New("must be a key and its share from 0 to 1, such as vip:0.2")
	}
	share, err := strconv.ParseFloat(text[colon+1:], 64)
	if err != nil {
		return nil, errors.New("must be a key and its share from 0 to 1, such as vip:0.2")
	}
	return eachTraffic(func(t *workload.Traffic) {
		t.Keys.Hot = append(t.Keys.Hot, workload.HotKey{Key: text[:colon], Share: share})
	}), nil
}

func setUniqueKeys(text string) (edit, error) {
	unique, err := strconv.ParseBool(text)
	return eachTraffic(func(t *workload.Traffic) {
		t.Keys.Unique = unique
		if unique {
			t.Keys = workload.Keys{Unique: true, Hot: t.Keys.Hot}
		}
	}), err
}

// parseRate reads a rate of any shape but steps.
func parseRate(text string) (r workload.Rate, err error) {
	shape, rest, ok := strings.Cut(text, ":")
	switch {
	case text == "max":
		r.Max = true
	case !ok:
		var constant workload.PerSecond
		constant, err = workload.ParsePerSecond(text)
		if r.Constant = float64(constant); err == nil && constant == 0 {
			err = errors.New("must be above 0")
		}
	case shape == "ramp":
		r.Ramp = &workload.Ramp{}
		r.Ramp.From, r.Ramp.To, err = parseRates(rest)
	case shape == "wave":
		r.Wave, err = parseWave(rest)
	case shape == "burst":
		r.Burst, err = parseBurst(rest)
	default:
		err = fmt.Errorf("%q is none of ramp, wave and burst", shape)
	}
	return r, err
}

// parseRates reads "100..2000/s", of which the time belongs to both.
func parseRates(text string) (low, high workload.PerSecond, err error) {
	from, to, ok := strings.Cut(text, "..")
	if !ok {
		return 0, 0, fmt.Errorf("%q is not two rates such as 100..2000/s", text)
	}
	if _, per, ok := strings.Cut(to, "/"); ok && !strings.Contains(from, "/") {
		from += "/" + per
	}
	if low, err = workload.ParsePerSecond(from); err != nil {
		return 0, 0, err
	}
	high, err = workload.ParsePerSecond(to)
	return low, high, err
}

// parseWave reads "100..2000/s:24h@20h", of which period and peak may be
// missing, and "mean:1000..2000/s" likewise, which is from the mean to the peak.
func parseWave(text string) (*workload.Wave, error) {
	text, peak, _ := strings.Cut(text, "@")
	text, byMean := strings.CutPrefix(text, "mean:")
	rates, period, _ := strings.Cut(text, ":")
	w := &workload.Wave{}
	from, to, err := parseRates(rates)
	switch {
	case err != nil:
		return nil, err
	case byMean && from == 0:
		return nil, errors.New("mean must be above 0")
	case byMean:
		w.Mean, w.Peak = from, to
	default:
		w.Low, w.High = from, to
	}
	if w.Period, err = durationOr0(period); err != nil {
		return nil, err
	}
	w.PeakAt, err = durationOr0(peak)
	return w, err
}

// parseBurst reads "5000:1m+10s", of which all but the number may be missing.
func parseBurst(text string) (*workload.Burst, error) {
	text, within, _ := strings.Cut(text, "+")
	records, every, _ := strings.Cut(text, ":")
	n, err := strconv.ParseInt(records, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%q is no number of records", records)
	}
	b := &workload.Burst{Records: n}
	if b.Every, err = durationOr0(every); err != nil {
		return nil, err
	}
	b.Within, err = durationOr0(within)
	return b, err
}

// durationOr0 reads a time, or 0 if there is none.
func durationOr0(text string) (workload.Duration, error) {
	if text == "" {
		return 0, nil
	}
	return workload.ParseDuration(text)
}
