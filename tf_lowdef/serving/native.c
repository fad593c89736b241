/* Loads a SavedModel and answers requests in a process without Python, as a model server would.
 *
 * usage: native MODEL REQUESTS.txt REQUESTS.bin ANSWERS.txt ANSWERS.bin
 *
 * The files' format is described in exchange.py. TensorFlow's errors become answers; the process goes on.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensorflow/c/c_api.h"
#include "tensorflow/c/tf_tstring.h"

enum { MAX_TENSORS = 32, MAX_RANK = 8, NAME = 1024 };

typedef struct {
  char names[MAX_TENSORS][NAME];
  TF_Output nodes[MAX_TENSORS];
  TF_Tensor* tensors[MAX_TENSORS];
  int count;
} Side;

static void fail(const char* what) {
  fprintf(stderr, "native: %s\n", what);
  exit(2);
}

static FILE* open_file(const char* name, const char* mode) {
  FILE* file = fopen(name, mode);
  if (!file) fail(name);
  return file;
}

static void scan_ok(int fields, int expected) {
  if (fields != expected) fail("malformed requests");
}

static void write_line(FILE* text, const char* kind, const char* message) {
  fprintf(text, "%s ", kind);
  for (; *message; ++message) fputc(*message == '\n' || *message == '\r' ? ' ' : *message, text);
  fputc('\n', text);
  fflush(text);
}

static TF_Tensor* read_strings(const int64_t* dims, int rank, FILE* data) {
  size_t count = 1;
  for (int i = 0; i < rank; ++i) count *= (size_t)dims[i];
  TF_Tensor* tensor = TF_AllocateTensor(TF_STRING, dims, rank, count * sizeof(TF_TString));
  TF_TString* strings = TF_TensorData(tensor);
  for (size_t i = 0; i < count; ++i) {
    uint64_t length;
    if (fread(&length, sizeof length, 1, data) != 1) fail("short requests");
    char* content = malloc(length ? length : 1);
    if (!content || fread(content, 1, length, data) != length) fail("short requests");
    TF_TString_Init(&strings[i]);
    TF_TString_Copy(&strings[i], content, length);
    free(content);
  }
  return tensor;
}

static TF_Tensor* read_tensor(FILE* text, FILE* data) {
  int type, rank;
  int64_t dims[MAX_RANK];
  size_t size;
  scan_ok(fscanf(text, "%d %d", &type, &rank), 2);
  if (rank < 0 || rank > MAX_RANK) fail("too many dimensions");
  for (int i = 0; i < rank; ++i) scan_ok(fscanf(text, "%" SCNd64, &dims[i]), 1);
  scan_ok(fscanf(text, "%zu", &size), 1);
  if (type == TF_STRING) return read_strings(dims, rank, data);
  TF_Tensor* tensor = TF_AllocateTensor((TF_DataType)type, dims, rank, size);
  if (size && fread(TF_TensorData(tensor), 1, size, data) != size) fail("short requests");
  return tensor;
}

static void write_tensor(const char* name, const TF_Tensor* tensor, FILE* text, FILE* data) {
  int rank = TF_NumDims(tensor);
  size_t size = TF_TensorByteSize(tensor);
  const TF_TString* strings = TF_TensorData(tensor);
  int64_t count = TF_TensorElementCount(tensor);
  if (TF_TensorType(tensor) == TF_STRING) {
    size = 0;
    for (int64_t i = 0; i < count; ++i) {
      uint64_t length = TF_TString_GetSize(&strings[i]);
      fwrite(&length, sizeof length, 1, data);
      fwrite(TF_TString_GetDataPointer(&strings[i]), 1, length, data);
      size += sizeof length + length;
    }
  } else {
    fwrite(TF_TensorData(tensor), 1, size, data);
  }
  fflush(data);
  fprintf(text, "out %s %d %d", name, (int)TF_TensorType(tensor), rank);
  for (int i = 0; i < rank; ++i) fprintf(text, " %" PRId64, TF_Dim(tensor, i));
  fprintf(text, " %zu\n", size);
}

static void free_tensors(Side* side) {
  for (int i = 0; i < side->count; ++i) {
    TF_Tensor* tensor = side->tensors[i];
    if (!tensor) continue;
    if (TF_TensorType(tensor) == TF_STRING) {
      TF_TString* strings = TF_TensorData(tensor);
      for (int64_t k = 0; k < TF_TensorElementCount(tensor); ++k) TF_TString_Dealloc(&strings[k]);
    }
    TF_DeleteTensor(tensor);
  }
}

/* Reads the lines of one request up to "end". */
static void read_request(TF_Graph* graph, FILE* text, FILE* data, Side* inputs, Side* outputs) {
  char kind[8], node[NAME];
  int index;
  memset(inputs, 0, sizeof *inputs);
  memset(outputs, 0, sizeof *outputs);
  while (fscanf(text, "%7s", kind) == 1 && strcmp(kind, "end")) {
    Side* side = strcmp(kind, "in") ? outputs : inputs;
    if (side->count == MAX_TENSORS) fail("too many tensors");
    scan_ok(fscanf(text, "%1023s %1023s %d", side->names[side->count], node, &index), 3);
    TF_Output output = {TF_GraphOperationByName(graph, node), index};
    if (!output.oper) fail("the graph has no node of that name");
    side->nodes[side->count] = output;
    if (side == inputs) side->tensors[side->count] = read_tensor(text, data);
    ++side->count;
  }
}

static void answer(TF_Session* session, Side* in, Side* out, TF_Status* status, FILE* text, FILE* data) {
  TF_SessionRun(session, NULL, in->nodes, in->tensors, in->count, out->nodes, out->tensors, out->count, NULL, 0, NULL,
                status);
  if (TF_GetCode(status) != TF_OK) {
    write_line(text, "error", TF_Message(status));
  } else {
    for (int i = 0; i < out->count; ++i) write_tensor(out->names[i], out->tensors[i], text, data);
  }
}

int main(int argc, char** argv) {
  if (argc != 6) fail("usage: native MODEL REQUESTS.txt REQUESTS.bin ANSWERS.txt ANSWERS.bin");
  FILE* requests = open_file(argv[2], "r");
  FILE* request_data = open_file(argv[3], "rb");
  FILE* text = open_file(argv[4], "w");
  FILE* data = open_file(argv[5], "wb");
  static Side inputs, outputs;
  const char* tags[] = {"serve"};
  TF_Status* status = TF_NewStatus();
  TF_Graph* graph = TF_NewGraph();
  TF_SessionOptions* options = TF_NewSessionOptions();
  TF_Session* session = TF_LoadSessionFromSavedModel(options, NULL, argv[1], tags, 1, graph, NULL, status);
  if (TF_GetCode(status) != TF_OK) {
    write_line(text, "failed", TF_Message(status));
    return 1;
  }
  write_line(text, "loaded", TF_Version());
  char name[NAME], signature[NAME];
  while (fscanf(requests, " run %1023s %1023s", name, signature) == 2) {
    write_line(text, "run", name);
    read_request(graph, requests, request_data, &inputs, &outputs);
    answer(session, &inputs, &outputs, status, text, data);
    fprintf(text, "end\n");
    fflush(text);
    free_tensors(&inputs);
    free_tensors(&outputs);
  }
  TF_CloseSession(session, status);
  TF_DeleteSession(session, status);
  TF_DeleteSessionOptions(options);
  TF_DeleteGraph(graph);
  TF_DeleteStatus(status);
  return 0;
}
