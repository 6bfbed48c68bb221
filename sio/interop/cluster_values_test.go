package interop

import (
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/sioserver/sioserver/sio"
)

// unpack is unpack of lines.mjs: values of a call as a Go program would have
// them.
func unpack(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = unpack(e)
		}
		return out
	case map[string]any:
		if text, ok := v["$bytes"].(string); ok {
			b, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				panic(err)
			}
			return b
		}
		if ms, ok := v["$date"].(int64); ok {
			return time.UnixMilli(ms).UTC()
		}
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = unpack(e)
		}
		return out
	}
	return v
}

// pack is pack of lines.mjs.
func pack(v any) any {
	switch v := v.(type) {
	case []byte:
		return bytes(v...)
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = pack(e)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = pack(e)
		}
		return out
	}
	return v
}

// date is how a time travels to a driver.
func date(ms int64) map[string]any { return map[string]any{"$date": ms} }

// packed is pack of each of list as JSON.
func packed(list ...any) []json.RawMessage {
	out := make([]json.RawMessage, len(list))
	for i, v := range list {
		b, err := json.Marshal(pack(v))
		if err != nil {
			panic(err)
		}
		out[i] = b
	}
	return out
}

// values decodes all arguments, whatever they are.
func values(args sio.RawArgs) ([]any, error) {
	list := make([]any, args.Len())
	to := make([]any, len(list))
	for i := range list {
		to[i] = &list[i]
	}
	return list, args.Bind(to...)
}
