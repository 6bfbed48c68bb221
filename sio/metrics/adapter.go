package metrics

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"

	"github.com/prometheus/client_golang/prometheus"
)

// adapter exports the fields of a struct.
type adapter struct {
	figures func() any
	fields  []field
}

// field is a number in the struct.
type field struct {
	index []int
	kind  prometheus.ValueType
	desc  *prometheus.Desc
}

func newAdapter(name string, figures func() any) adapter {
	t := reflect.TypeOf(figures())
	if t == nil || t.Kind() != reflect.Struct {
		panic(fmt.Sprintf("metrics: Config.Adapters[%q] returns a %v; it must return a struct", name, t))
	}
	a := adapter{figures: figures}
	for _, f := range reflect.VisibleFields(t) {
		if !f.IsExported() || f.Anonymous {
			continue
		}
		a.add(name, f, "adapter_", nil)
	}
	return a
}

// add adds the field f, or those of the struct that it holds.
func (a *adapter) add(name string, f reflect.StructField, prefixes string, path []int) {
	full := prefixes + snake(f.Name)
	index := append(path[:len(path):len(path)], f.Index...)
	kind := prometheus.GaugeValue
	switch f.Type.Kind() {
	case reflect.Struct:
		for i := range f.Type.NumField() {
			if inner := f.Type.Field(i); inner.IsExported() {
				a.add(name, inner, full+"_", index)
			}
		}
		return
	case reflect.Uint64:
		full += "_total"
		kind = prometheus.CounterValue
	case reflect.Int, reflect.Int64, reflect.Bool:
	default:
		return
	}
	// The help must be the same for all types that have the field.
	a.fields = append(a.fields, field{index, kind, prometheus.NewDesc(prefix+full,
		fmt.Sprintf("%s of an adapter: see the documentation of its figures.", f.Name),
		nil, prometheus.Labels{"adapter": name})})
}

func (a *adapter) describe(descs chan<- *prometheus.Desc) {
	for _, f := range a.fields {
		descs <- f.desc
	}
}

func (a *adapter) collect(metrics chan<- prometheus.Metric) {
	v := reflect.ValueOf(a.figures())
	for _, f := range a.fields {
		metrics <- prometheus.MustNewConstMetric(f.desc, f.kind, number(v.FieldByIndex(f.index)))
	}
}

// number is the value of a field.
func number(v reflect.Value) float64 {
	switch {
	case v.CanUint():
		return float64(v.Uint())
	case v.CanInt():
		return float64(v.Int())
	case v.Bool():
		return 1
	}
	return 0
}

// snake is a Go name as a part of a metric's.
func snake(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		upper := unicode.IsUpper(r)
		if upper && i > 0 && (!unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1]) && runes[i+1] != 's') {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
