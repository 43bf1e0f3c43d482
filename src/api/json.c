// SPDX-License-Identifier: Apache-2.0
#include "api/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/tlv.h"

enum { OUTPUT_FLAGS = JSON_COMPACT | JSON_PRESERVE_ORDER };

json_t *json_of_counter(uint64_t value)
{
	return json_integer(value < INT64_MAX ? (json_int_t)value : INT64_MAX);
}

json_t *json_of_metric(uint16_t metric)
{
	return metric == METRIC_INFINITE ? json_string("infinite") : json_integer(metric);
}

json_t *json_of_subnet(const struct subnet *subnet)
{
	char text[SUBNET_TEXT_SIZE];
	return json_string(subnet_text(subnet, text));
}

json_t *json_of_endpoint(const struct endpoint *endpoint)
{
	const char *protocol = endpoint_protocol_name(endpoint->protocol);
	char text[ENDPOINT_ADDRESS_SIZE];

	if (endpoint->family == ENDPOINT_CID)
		return json_pack("{s:s,s:{s:{s:I,s:I}}}", "proto", protocol, "addr", "vsock", "cid",
				 (json_int_t)endpoint->cid, "port", (json_int_t)endpoint->vsock_port);
	return json_pack("{s:s,s:{s:s}}", "proto", protocol, "addr", "socket", endpoint_address_text(endpoint, text));
}

char *json_text(json_t *value, size_t *ret_len)
{
	char *text = value != NULL ? json_dumps(value, OUTPUT_FLAGS) : NULL;
	json_decref(value);
	if (text != NULL)
		*ret_len = strlen(text);
	return text;
}

static bool write_rows(FILE *out, size_t count, json_t *(*row)(void *context, size_t index), void *context)
{
	fputc('[', out);
	for (size_t i = 0; i < count; i++) {
		json_t *value = row(context, i);
		if (value == NULL)
			return false;
		if (i > 0)
			fputc(',', out);
		int result = json_dumpf(value, out, OUTPUT_FLAGS);
		json_decref(value);
		if (result < 0)
			return false;
	}
	fputc(']', out);
	return ferror(out) == 0;
}

char *json_text_of_rows(size_t count, json_t *(*row)(void *context, size_t index), void *context, size_t *ret_len)
{
	char *text = NULL;
	size_t len = 0;

	FILE *out = open_memstream(&text, &len);
	if (out == NULL)
		return NULL;
	bool complete = write_rows(out, count, row, context);
	if (fclose(out) != 0 || !complete) {
		free(text);
		return NULL;
	}
	*ret_len = len;
	return text;
}
