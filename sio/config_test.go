package sio

import (
	"net/http"
	"reflect"
	"testing"
)

// TestEngineConfig: each field of the engine's configuration is copied from the
// server's.
func TestEngineConfig(t *testing.T) {
	renamed := map[string]string{"Fallback": "Handler", "MaxCallbacks": "MaxHandlers"}
	own := map[string]bool{ // New sets them
		"OnUpgrade": true, "Static": true, "OnPacket": true, "OnPacketCreate": true, "OnDrain": true, "OnHeartbeat": true,
	}
	fields := reflect.TypeOf(new(Config).engine())
	for i := range fields.NumField() {
		name := fields.Field(i).Name
		if own[name] {
			continue
		}
		from := name
		if n := renamed[name]; n != "" {
			from = n
		}
		var cfg Config
		value := reflect.ValueOf(&cfg).Elem().FieldByName(from)
		if !value.IsValid() {
			t.Errorf("Config has no %s", from)
			continue
		}
		set(t, from, value)
		if reflect.ValueOf(cfg.engine()).Field(i).IsZero() {
			t.Errorf("Config.%s is not copied", from)
		}
	}
}

// set gives a field a value that is not zero.
func set(t *testing.T, name string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.String:
		v.SetString("x")
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	case reflect.Func:
		v.Set(reflect.MakeFunc(v.Type(), func([]reflect.Value) []reflect.Value { return nil }))
	default:
		switch v.Addr().Interface().(type) {
		case *http.Handler:
			v.Set(reflect.ValueOf(http.NotFoundHandler()))
		default:
			t.Errorf("Config.%s is a %v", name, v.Type())
		}
	}
}
