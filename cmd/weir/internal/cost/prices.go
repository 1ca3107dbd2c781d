// Package cost estimates what a month of a workload costs on the service, by each of
// its pricing plans, and at which rate another plan becomes the cheapest.
package cost

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/goccy/go-yaml"
)

// Prices are what the service charges. See prices.yaml for what each is.
type Prices struct {
	Name     string   `json:"name"`
	Region   string   `json:"region"`
	Currency string   `json:"currency"`
	Date     string   `json:"date"` // as 2006-01-02
	Estimate bool     `json:"estimate"`
	Sources  []string `json:"sources"`

	HoursPerMonth float64 `json:"hours_per_month"`
	Gigabyte      float64 `json:"gigabyte"` // bytes

	Provisioned ProvisionedPrices `json:"provisioned"`
	OnDemand    OnDemandPrices    `json:"on_demand"`
	Advantage   AdvantagePrices   `json:"advantage"`
}

// ProvisionedPrices are those of a stream whose shards its owner chooses.
type ProvisionedPrices struct {
	ShardHour                  float64 `json:"shard_hour"`
	PutUnitsMillion            float64 `json:"put_units_million"`
	ExtendedRetentionShardHour float64 `json:"extended_retention_shard_hour"`
	LongRetentionGBMonth       float64 `json:"long_retention_gb_month"`
	LongRetrievalGB            float64 `json:"long_retrieval_gb"`
	FanOutGB                   float64 `json:"fan_out_gb"`
	FanOutConsumerShardHour    float64 `json:"fan_out_consumer_shard_hour"`
}

// OnDemandPrices are those of a stream that is charged by its traffic.
type OnDemandPrices struct {
	StreamHour               float64 `json:"stream_hour"`
	InGB                     float64 `json:"in_gb"`
	OutGB                    float64 `json:"out_gb"`
	FanOutGB                 float64 `json:"fan_out_gb"`
	ExtendedRetentionGBMonth float64 `json:"extended_retention_gb_month"`
	LongRetentionGBMonth     float64 `json:"long_retention_gb_month"`
}

// AdvantagePrices are those of on-demand streams of an account that has committed
// itself to a minimum.
type AdvantagePrices struct {
	InGB                     float64 `json:"in_gb"`
	OutGB                    float64 `json:"out_gb"`
	FanOutGB                 float64 `json:"fan_out_gb"`
	MinimumInMiBPerSecond    float64 `json:"minimum_in_mib_per_second"`
	MinimumOutMiBPerSecond   float64 `json:"minimum_out_mib_per_second"`
	ExtendedRetentionGBMonth float64 `json:"extended_retention_gb_month"`
	LongRetentionGBMonth     float64 `json:"long_retention_gb_month"`
}

//go:embed prices.yaml
var builtIn []byte

// BuiltIn returns the prices that come with the program: an estimate.
func BuiltIn() Prices {
	p, err := ParsePrices(builtIn)
	if err != nil {
		panic("cost: prices.yaml: " + err.Error())
	}
	return p
}

// BuiltInFile returns the text of the built-in prices, to start one's own from.
func BuiltInFile() []byte { return builtIn }

// ParsePrices reads prices from YAML or JSON. Every price has to be there.
func ParsePrices(text []byte) (Prices, error) {
	var p Prices
	if err := yaml.UnmarshalWithOptions(text, &p, yaml.Strict(), yaml.UseJSONUnmarshaler()); err != nil {
		return Prices{}, err
	}
	var given map[string]any
	if err := yaml.Unmarshal(text, &given); err != nil {
		return Prices{}, err
	}
	return p, cmp.Or(p.checkNumbers(given), p.checkTexts())
}

// checkNumbers sees to it that every number is given and none is negative: a price
// that is forgotten would count as free.
func (p Prices) checkNumbers(given map[string]any) error {
	text, err := json.Marshal(p)
	if err != nil { // JSON has neither
		return errors.New("a price is infinite or no number")
	}
	var want map[string]any
	if err := json.Unmarshal(text, &want); err != nil {
		return err
	}
	if err := checkGiven("", want, given); err != nil {
		return err
	}
	return p.checkDivisors()
}

// checkDivisors refuses zero where it is no price.
func (p Prices) checkDivisors() error {
	switch {
	case p.HoursPerMonth == 0:
		return errors.New("hours_per_month is 0")
	case p.Gigabyte == 0:
		return errors.New("gigabyte is 0")
	}
	return nil
}

// checkGiven compares what a price file has to hold with what it does.
func checkGiven(path string, want, given map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(want)) {
		switch v := want[name].(type) {
		case float64:
			if _, ok := given[name]; !ok {
				return fmt.Errorf("%s%s is missing", path, name)
			}
			if v < 0 || math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("%s%s is %v; a number of 0 or more is needed", path, name, v)
			}
		case map[string]any:
			inner, _ := given[name].(map[string]any)
			if err := checkGiven(path+name+".", v, inner); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkTexts checks what every estimate says of its prices.
func (p Prices) checkTexts() error {
	switch _, err := time.Parse(time.DateOnly, p.Date); {
	case err != nil:
		return fmt.Errorf("date %q is none such as 2026-11-22", p.Date)
	case p.Name == "":
		return errors.New("name is missing")
	case p.Currency == "":
		return errors.New("currency is missing")
	}
	return nil
}
